//! Errors: reads whatever an OpenAI-like vendor answers instead of an answer, and writes OpenAI's error object.

use serde_json::{Map, Value, json};

use crate::chat::{ApiError, ErrorKind};
use crate::dialect::said::Said;

/// Reads an error body of any shape with the vendor's status.
pub fn read(status: u16, body: &[u8]) -> ApiError {
    Said::read(body).into_error(status)
}

/// Reads an error that came with a success status, inside a stream or as a whole answer. `body` is all of it.
pub fn in_band(body: &Value) -> ApiError {
    let said = Said::of(body);
    let status = said.status.or_else(|| said.status_by_words()).unwrap_or(502);
    said.into_error(status)
}

/// The error as OpenAI writes it: `{"error": {message, type, param, code}}`, all four keys always there.
pub fn write(error: &ApiError) -> Value {
    let mut object = Map::new();
    object.insert("message".into(), error.message.as_str().into());
    object.insert("type".into(), type_word(error.kind).into());
    object.insert("param".into(), error.param.as_deref().into());
    object.insert("code".into(), error.code.as_deref().into());
    for (key, value) in &error.extra {
        object.entry(key.as_str()).or_insert_with(|| value.clone());
    }
    json!({ "error": object })
}

fn type_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::RequestTooLarge => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::InsufficientQuota => "insufficient_quota",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Conflict => "conflict_error",
        ErrorKind::Upstream => "upstream_error",
        ErrorKind::Internal => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_in_band_error_finds_its_status() {
        for (body, status) in [
            (json!({"error": {"code": 429, "message": "slow down"}}), 429),
            (json!({"error": {"type": "rate_limit_exceeded", "message": "x"}}), 429),
            (json!({"error": {"code": "tool_use_failed", "message": "x", "status_code": 400}}), 400),
            (json!({"error": "x"}), 502),
        ] {
            assert_eq!(in_band(&body).status, status, "{body}");
        }
    }

    #[test]
    fn azures_inner_error_and_the_param_survive() {
        let error = read(400, br#"{"error":{"message":"m","code":"content_filter","param":"prompt","innererror":{"code":"R"}}}"#);
        assert_eq!(error.param.as_deref(), Some("prompt"));
        let written = write(&error);
        assert_eq!(written["error"]["innererror"]["code"], "R");
        assert_eq!(written["error"]["code"], "content_filter");
        assert_eq!(written["error"].as_object().map(Map::len), Some(5));
    }
}
