//! The fields of requests that are no chat.

use serde_json::Value;

use crate::chat::ApiError;

/// The body as a JSON object.
pub(super) fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid_json(error.to_string()))
}

/// A string, or the first string of a list.
pub(super) fn first_text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::String(text) => Some(text),
        Value::Array(list) => list.first()?.as_str(),
        _ => None,
    }
}
