//! The outer shape of a request.

use serde_json::value::RawValue;

use crate::chat::ApiError;
use crate::dialect::fields::{self, Fields};
use crate::dialect::{View, shape};

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let text = shape::utf8(body)?;
    serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
    if text.trim_start().as_bytes().first() != Some(&b'{') {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    }
    let mut fields = Fields::of_body(body)?;
    let model = fields.model()?;
    let stream = fields.take::<bool>(&["stream"])?.unwrap_or(false);
    // An encrypted one is a text.
    let input = fields.raw(&["input"]).ok_or_else(|| fields::missing("input"))?;
    if input.get().starts_with('{') {
        check_input(&input)?;
    } else if !input.get().starts_with('"') {
        return Err(fields::wrong_type("input"));
    }
    let max_tokens = match fields.raw(&["parameters"]) {
        None => None,
        Some(parameters) => Fields::of(&parameters, "parameters")?.take(&["max_completion_tokens", "max_tokens"])?,
    };
    Ok(View { model, stream, include_usage: true, max_tokens, ..View::default() })
}

/// There are messages, or a prompt as older clients send it.
fn check_input(input: &RawValue) -> Result<(), ApiError> {
    let mut input = Fields::of(input, "input")?;
    let prompt = input.take::<String>(&["prompt"])?;
    let Some(list) = input.raw(&["messages"]) else {
        return if prompt.is_some() { Ok(()) } else { Err(fields::missing("input.messages")) };
    };
    let messages: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("input.messages"))?;
    match messages.iter().position(|message| !message.get().starts_with('{')) {
        Some(at) => Err(fields::wrong_type(&format!("input.messages[{at}]"))),
        None => Ok(()),
    }
}
