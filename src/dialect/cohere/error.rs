//! Errors: a message, and the id of the answer that was to be.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::client_event;
use crate::chat::{ApiError, ErrorKind};
use crate::dialect::Dialect;
use crate::dialect::openai_chat::OpenAiChat;

/// Reads an error body with the vendor's status.
pub(super) fn read_error(status: u16, body: &[u8]) -> ApiError {
    // 498 is Cohere's own: the key is none.
    let mut error = OpenAiChat.read_error(if status == 498 { 401 } else { status }, body);
    // A month's calls do not come back in time for another try.
    if error.kind == ErrorKind::RateLimit && error.message.contains("/ month") {
        error.kind = ErrorKind::InsufficientQuota;
        error.code = Some("insufficient_quota".into());
        error.should_retry = Some(false);
    }
    error
}

/// An error inside an answer with a success status.
pub(super) fn in_band(message: &str) -> ApiError {
    read_error(502, json!({ "message": message }).to_string().as_bytes())
}

/// The status that Cohere's clients know a class of errors for.
pub(super) fn client_status(error: &ApiError) -> u16 {
    match error.status {
        502 => 500,
        529 => 503,
        status => status,
    }
}

/// The error body.
pub(super) fn write_error(error: &ApiError, request_id: &str) -> Value {
    json!({"id": request_id, "message": error.message})
}

/// An error as the last event of a stream.
pub(super) fn write_error_event(error: &ApiError, out: &mut BytesMut) {
    client_event::put("message-end", &json!({"type": "message-end", "delta": {"error": error.message, "finish_reason": "ERROR"}}), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_means_what_cohere_means_by_it() {
        for (status, message, expected, kind, code) in [
            (401, "invalid api token", 401, ErrorKind::Authentication, "upstream_auth_failed"),
            (498, "invalid token", 401, ErrorKind::Authentication, "upstream_auth_failed"),
            (404, "model 'nonexistent' not found", 404, ErrorKind::NotFound, "model_not_found"),
            (400, "too many tokens: size limit exceeded by 11", 400, ErrorKind::InvalidRequest, "context_length_exceeded"),
            (
                429,
                "You are using a Trial key, which is limited to 20 API calls / minute.",
                429,
                ErrorKind::RateLimit,
                "rate_limit_exceeded",
            ),
            (
                429,
                "You are using a Trial key, which is limited to 1000 API calls / month.",
                429,
                ErrorKind::InsufficientQuota,
                "insufficient_quota",
            ),
            (499, "request cancelled", 503, ErrorKind::Overloaded, "overloaded"),
            (500, "internal server error", 500, ErrorKind::Upstream, "upstream_error"),
        ] {
            let error = read_error(status, json!({"id": "x", "message": message}).to_string().as_bytes());
            assert_eq!((error.status, error.kind, error.code.as_deref()), (expected, kind, Some(code)), "{message}");
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn an_error_is_told_in_coheres_words() {
        let error = ApiError::invalid("invalid_value", "k", "`k` is wrong");
        assert_eq!(write_error(&error, "req_1"), json!({"id": "req_1", "message": "`k` is wrong"}));
        let mut out = BytesMut::new();
        write_error_event(&error, &mut out);
        let text =
            "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":\"`k` is wrong\",\"finish_reason\":\"ERROR\"}}\n\n";
        assert_eq!(out, text.as_bytes());
        assert_eq!((client_status(&error), client_status(&ApiError::upstream("x", ""))), (400, 500));
    }
}
