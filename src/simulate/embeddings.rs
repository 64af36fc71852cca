//! Embeddings in every format: unit vectors that depend on the input and their length only, the same in all formats.

use serde_json::Value;

use super::directives::Directives;
use super::router::{Answer, Call};
use super::text::{self, Numbers};
use crate::base::raw::to_raw;
use crate::chat::ApiError;
use crate::dialect::embeddings::{Answer as Vectors, EmbeddingsId, Input, Part, Reply, Vector, embeddings};

const DIMENSIONS: u64 = 256;
const MAX_DIMENSIONS: u64 = 4096;

pub(super) fn answer(call: &Call, id: EmbeddingsId, directives: &mut Directives) -> Result<Answer, ApiError> {
    let format = embeddings(id);
    let request = format.read_request(&call.body)?;
    let inputs: Vec<String> = request.inputs.iter().map(spelled).collect();
    directives.take_from(inputs.first().map(String::as_str).unwrap_or_default())?;
    let wanted = request.dimensions.unwrap_or(DIMENSIONS);
    let dimensions = usize::try_from(wanted).ok().filter(|_| (1..=MAX_DIMENSIONS).contains(&wanted));
    let Some(dimensions) = dimensions else {
        return Err(ApiError::invalid("invalid_value", "dimensions", format!("dimensions must be from 1 to {MAX_DIMENSIONS}")));
    };
    let vectors = inputs.iter().map(|input| Vector::Numbers(to_raw(&vector(input, dimensions)))).collect();
    let tokens: u64 = inputs.iter().map(|input| text::tokens(input.chars().count())).sum();
    let answer = Vectors { vectors, tokens: format.tells_tokens().then_some(tokens) };
    let bytes = format.write_answer(&answer, &Reply { model: &call.model()?, request: &request })?;
    Ok(Answer::Whole { content_type: "application/json", bytes: bytes.into() })
}

/// An input as text.
fn spelled(input: &Input) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) | Part::Image(text) => text.clone(),
    };
    match input {
        Input::Text(text) => text.clone(),
        Input::Tokens(tokens) => Value::from(tokens.clone()).to_string(),
        Input::Parts(parts) => parts.iter().map(part).collect(),
    }
}

fn vector(input: &str, dimensions: usize) -> Vec<f32> {
    // 16 bits of each number, as a value from -1 to 1.
    let raw = Numbers(text::hash(input.as_bytes())).take(dimensions).map(|n| (n >> 48) as f32 / 32768.0 - 1.0);
    let raw: Vec<f32> = raw.collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|x| x / length).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    fn ask(body: Value) -> Result<Value, ApiError> {
        let call = Call { named: Default::default(), body: body.to_string().into() };
        match answer(&call, EmbeddingsId::Openai, &mut Directives::default())? {
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
        assert_eq!(texts["data"][1]["embedding"], STANDARD.encode(vector.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()));
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
