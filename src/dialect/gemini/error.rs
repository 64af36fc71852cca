//! Errors, as Google's APIs write them (`google.rpc.Status` as JSON).

use std::borrow::Cow;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use crate::chat::{ApiError, ErrorKind, Fault};
use crate::dialect::said::Said;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// Reads an error body. `status` is the vendor's; a success status means that the error came inside an answer.
pub(super) fn read_error(status: u16, body: &[u8]) -> ApiError {
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    read(status, &value, Said::read(body))
}

/// Reads an error inside an answer: an object with `error`, or a list of one.
pub(super) fn in_band(value: &Value) -> ApiError {
    read(200, value, Said::of(value))
}

fn read(status: u16, value: &Value, said: Said) -> ApiError {
    let object = value.get(0).unwrap_or(value);
    let details = object.pointer("/error/details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |pointer: &str| details.iter().find_map(|detail| detail.pointer(pointer)?.as_str());
    let status = if status < 400 { said.status.unwrap_or(502) } else { status };
    let message = if said.message.is_empty() { format!("the upstream answered with status {status} and no message") } else { said.message };
    let lower = message.to_ascii_lowercase();

    let bad_key = text("/reason").is_some_and(|reason| reason.starts_with("API_KEY_")) || lower.contains("api key not valid");
    let too_long = lower.contains("token count") && lower.contains("exceed");
    let daily = details
        .iter()
        .filter_map(|d| d.get("violations")?.as_array())
        .flatten()
        .any(|violation| violation.get("quotaId").and_then(Value::as_str).is_some_and(|id| id.contains("PerDay")));
    let (status, kind, code) = match (status, said.kind.as_str()) {
        (400 | 401 | 403, _) if bad_key => (401, ErrorKind::Authentication, "upstream_auth_failed"),
        (400, "FAILED_PRECONDITION") => (403, ErrorKind::Permission, "failed_precondition"),
        (400 | 413, _) if too_long => (400, ErrorKind::InvalidRequest, "context_length_exceeded"),
        (401, _) => (401, ErrorKind::Authentication, "upstream_auth_failed"),
        (402, _) => (402, ErrorKind::InsufficientQuota, "insufficient_quota"),
        (403, _) => (403, ErrorKind::Permission, "permission_denied"),
        (404, _) if lower.contains("model") => (404, ErrorKind::NotFound, "model_not_found"),
        (404, _) => (404, ErrorKind::NotFound, "not_found"),
        (408 | 499, _) => (408, ErrorKind::Timeout, "upstream_timeout"),
        (409, _) => (409, ErrorKind::Conflict, "conflict"),
        (413, _) => (413, ErrorKind::RequestTooLarge, "request_too_large"),
        // A day's quota does not come back in time for another try.
        (429, _) if daily => (429, ErrorKind::InsufficientQuota, "insufficient_quota"),
        (429, _) => (429, ErrorKind::RateLimit, "rate_limit_exceeded"),
        (503, _) => (503, ErrorKind::Overloaded, "overloaded"),
        (504, _) => (504, ErrorKind::Timeout, "upstream_timeout"),
        (400..=499, _) => (status, ErrorKind::InvalidRequest, ""),
        (500..=599, _) => (status, ErrorKind::Upstream, "upstream_error"),
        _ => (502, ErrorKind::Upstream, "upstream_error"),
    };
    let client_fault = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::RequestTooLarge | ErrorKind::Conflict);
    ApiError {
        status,
        kind,
        fault: if client_fault { Fault::Client } else { Fault::Upstream },
        message,
        code: if code.is_empty() { said.code.map(Cow::Owned) } else { Some(Cow::Borrowed(code)) },
        param: said.param.or_else(|| text("/fieldViolations/0/field").map(str::to_owned)),
        retry_after: text("/retryDelay").and_then(seconds),
        limits: Vec::new(),
        should_retry: (kind == ErrorKind::InsufficientQuota).then_some(false),
        extra: said.extra,
    }
}

/// A `google.protobuf.Duration` as JSON: `34s`, `1.5s`.
fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(number).ok()
}

/// The error body.
pub(super) fn write_error(error: &ApiError) -> Value {
    let word = match error.kind {
        _ if error.status == 404 => "NOT_FOUND",
        ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge => "INVALID_ARGUMENT",
        ErrorKind::Authentication => "UNAUTHENTICATED",
        ErrorKind::Permission => "PERMISSION_DENIED",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::RateLimit | ErrorKind::InsufficientQuota => "RESOURCE_EXHAUSTED",
        ErrorKind::Overloaded => "UNAVAILABLE",
        ErrorKind::Timeout => "DEADLINE_EXCEEDED",
        ErrorKind::Conflict => "ABORTED",
        ErrorKind::Upstream | ErrorKind::Internal => "INTERNAL",
    };
    let mut details = Vec::new();
    if let Some(code) = &error.code {
        details.push(json!({"@type": ERROR_INFO, "reason": code, "domain": "llm-sidecar"}));
    }
    if let Some(wait) = error.retry_after {
        details.push(json!({"@type": RETRY_INFO, "retryDelay": format!("{}s", wait.as_secs_f64())}));
    }
    json!({"error": {"code": error.status, "message": error.message, "status": word, "details": details}})
}

/// An error as the last event of a stream.
pub(super) fn write_error_event(error: &ApiError, out: &mut BytesMut) {
    put(out, &write_error(error));
}

/// Writes one event.
pub(super) fn put(out: &mut BytesMut, value: &impl serde::Serialize) {
    out.put_slice(b"data: ");
    // Writing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer(out.writer(), value);
    out.put_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: u16, status: &str, message: &str, details: Value) -> Vec<u8> {
        json!({"error": {"code": code, "message": message, "status": status, "details": details}}).to_string().into_bytes()
    }

    #[test]
    fn each_status_means_what_google_means_by_it() {
        let key = json!([{"@type": ERROR_INFO, "reason": "API_KEY_INVALID"}]);
        let wait = json!([{"@type": RETRY_INFO, "retryDelay": "34.5s"}]);
        let daily = json!([{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]);
        for (status, body, expected, kind, code) in [
            (400, body(400, "INVALID_ARGUMENT", "x", json!([])), 400, ErrorKind::InvalidRequest, None),
            (400, body(400, "INVALID_ARGUMENT", "API key not valid.", key), 401, ErrorKind::Authentication, Some("upstream_auth_failed")),
            (
                400,
                body(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum", json!([])),
                400,
                ErrorKind::InvalidRequest,
                Some("context_length_exceeded"),
            ),
            (400, body(400, "FAILED_PRECONDITION", "location", json!([])), 403, ErrorKind::Permission, Some("failed_precondition")),
            (404, body(404, "NOT_FOUND", "models/x is not found", json!([])), 404, ErrorKind::NotFound, Some("model_not_found")),
            (
                429,
                body(429, "RESOURCE_EXHAUSTED", "exceeded your current quota", wait),
                429,
                ErrorKind::RateLimit,
                Some("rate_limit_exceeded"),
            ),
            (429, body(429, "RESOURCE_EXHAUSTED", "quota", daily), 429, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            (503, body(503, "UNAVAILABLE", "overloaded", json!([])), 503, ErrorKind::Overloaded, Some("overloaded")),
            (502, b"<html>".to_vec(), 502, ErrorKind::Upstream, Some("upstream_error")),
        ] {
            let error = read_error(status, &body);
            assert_eq!((error.status, error.kind, error.code.as_deref()), (expected, kind, code), "{status}");
        }
        let limited = read_error(429, &body(429, "RESOURCE_EXHAUSTED", "slow", json!([{"@type": RETRY_INFO, "retryDelay": "34.5s"}])));
        assert_eq!(limited.retry_after, Some(Duration::from_millis(34_500)));
    }

    #[test]
    fn an_error_in_a_list_is_read_and_a_written_one_reads_back() {
        let listed = format!("[{}]", String::from_utf8(body(503, "UNAVAILABLE", "busy", json!([]))).unwrap());
        let value: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!((in_band(&value).status, in_band(&value).message.as_str()), (503, "busy"));
        let mut error = ApiError::new(429, ErrorKind::RateLimit, Fault::Upstream, "rate_limit_exceeded", "slow");
        error.retry_after = Some(Duration::from_secs(2));
        assert_eq!(read_error(429, write_error(&error).to_string().as_bytes()), error);
    }
}
