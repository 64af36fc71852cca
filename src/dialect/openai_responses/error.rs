//! Errors, which are OpenAI's own in every form but that of a stream's.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::frame;
use crate::chat::ApiError;
use crate::dialect::Dialect;
use crate::dialect::openai_chat::OpenAiChat;

/// Reads an error body of any shape.
pub(super) fn read_error(status: u16, body: &[u8]) -> ApiError {
    OpenAiChat.read_error(status, body)
}

/// Reads the error of a `response.failed` or an `error` event, or of a whole answer that failed. Its code names the fault.
pub(super) fn in_band(error: &Value) -> ApiError {
    let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
    let status = match code {
        "rate_limit_exceeded" | "insufficient_quota" => 429,
        "server_is_overloaded" | "slow_down" | "overloaded" => 503,
        "context_length_exceeded" | "invalid_prompt" | "invalid_request" | "content_filter" => 400,
        _ => 502,
    };
    read_error(status, json!({ "error": error }).to_string().as_bytes())
}

/// The error body.
pub(super) fn write_error(error: &ApiError, request_id: &str) -> Vec<u8> {
    OpenAiChat.write_error(error, request_id)
}

/// An error as the last event of a stream: flat as it is documented, and as an object of its own as clients look for it.
pub(super) fn write_error_event(error: &ApiError, out: &mut BytesMut) {
    let body: Value = serde_json::from_slice(&write_error(error, "")).unwrap_or_default();
    let object = body.get("error").cloned().unwrap_or_default();
    let event =
        json!({"type": "error", "sequence_number": 0, "code": error.code, "message": error.message, "param": error.param, "error": object});
    frame::write("error", &event, out);
}
