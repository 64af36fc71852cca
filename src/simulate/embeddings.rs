//! `/embeddings`: unit vectors that depend on the input only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::directives::Directives;
use super::fields::{first_text, object};
use super::router::{Answer, Call};
use super::text::{self, Numbers};
use crate::chat::ApiError;

const DIMENSIONS: u64 = 256;
const MAX_DIMENSIONS: u64 = 4096;

pub(super) fn answer(call: &Call, directives: &mut Directives) -> Result<Answer, ApiError> {
    let request = object(&call.body)?;
    directives.take_from(first_text(request.get("input")).unwrap_or_default())?;
    let wanted = request.get("dimensions").map_or(Some(DIMENSIONS), Value::as_u64);
    let dimensions = wanted.filter(|d| (1..=MAX_DIMENSIONS).contains(d)).and_then(|d| usize::try_from(d).ok());
    let Some(dimensions) = dimensions else {
        return Err(ApiError::invalid("invalid_value", "dimensions", format!("dimensions must be from 1 to {MAX_DIMENSIONS}")));
    };
    let base64 = match request.get("encoding_format").and_then(Value::as_str).unwrap_or("float") {
        "float" => false,
        "base64" => true,
        _ => return Err(ApiError::invalid("invalid_value", "encoding_format", "encoding_format must be float or base64")),
    };
    let inputs = inputs(request.get("input"))?;
    let data = inputs.iter().enumerate().map(|(index, input)| {
        let vector = vector(input, dimensions);
        let embedding = if base64 { json!(STANDARD.encode(little_endian(&vector))) } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let tokens: u64 = inputs.iter().map(|input| text::tokens(input.chars().count())).sum();
    let model = call.named.model.clone().map_or_else(|| request.get("model").cloned().unwrap_or_default(), Value::String);
    Ok(Answer::json(&json!({"object": "list", "data": data.collect::<Value>(), "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})))
}

/// One input a string, or a list of token numbers in its JSON text.
fn inputs(input: Option<&Value>) -> Result<Vec<String>, ApiError> {
    let spelled = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match input {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(tokens @ Value::Array(list)) if list.iter().all(Value::is_number) && !list.is_empty() => Ok(vec![tokens.to_string()]),
        Some(Value::Array(list)) if !list.is_empty() => Ok(list.iter().map(spelled).collect()),
        _ => Err(ApiError::invalid("invalid_value", "input", "input must be a string or a list that is not empty")),
    }
}

fn vector(input: &str, dimensions: usize) -> Vec<f32> {
    // 16 bits of each number, as a value from -1 to 1.
    let raw = Numbers(text::hash(input.as_bytes())).take(dimensions).map(|n| (n >> 48) as f32 / 32768.0 - 1.0);
    let raw: Vec<f32> = raw.collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|x| x / length).collect()
}

fn little_endian(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: Value) -> Result<Value, ApiError> {
        let call = Call { named: Default::default(), body: body.to_string().into() };
        match answer(&call, &mut Directives::default())? {
            Answer::Whole { bytes, .. } => Ok(serde_json::from_slice(&bytes).unwrap()),
            Answer::Stream { .. } => panic!("streamed"),
        }
    }

    #[test]
    fn both_encodings_hold_the_same_unit_vectors() {
        let floats = ask(json!({"model": "e", "input": ["one", "two"], "dimensions": 8})).unwrap();
        let texts = ask(json!({"model": "e", "input": ["one", "two"], "dimensions": 8, "encoding_format": "base64"})).unwrap();
        let vector: Vec<f32> = serde_json::from_value(floats["data"][1]["embedding"].clone()).unwrap();
        assert!((vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(texts["data"][1]["embedding"], STANDARD.encode(little_endian(&vector)));
        assert_ne!(floats["data"][0], floats["data"][1]);
    }

    #[test]
    fn wrong_requests_are_refused() {
        for body in
            [json!({"input": []}), json!({}), json!({"input": "x", "dimensions": 0}), json!({"input": "x", "encoding_format": "hex"})]
        {
            assert_eq!(ask(body).unwrap_err().status, 400);
        }
    }
}
