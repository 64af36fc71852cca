//! Errors: reads those of Anthropic and of vendors and gateways that stand in for it, writes Anthropic's.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::Value;

use crate::chat::{ApiError, ErrorKind, Fault};

/// The longest vendor message that is passed on, in bytes.
const MESSAGE_MAX: usize = 2048;

/// What Anthropic's clients look for in order to shorten their conversation.
const TOO_LONG: &str = "prompt is too long";

/// Anthropic's own status for an overload, which no other client knows.
const OVERLOADED_STATUS: u16 = 529;

/// Reads an error body. `status` is the vendor's; a success status means that the error came inside an answer.
pub(super) fn read_error(status: u16, body: &[u8]) -> ApiError {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => read_value(status, &value),
        Err(_) => classify(status, "", &plain_message(status, body), ""),
    }
}

/// Reads an error that is JSON already: `{"type":"error","error":{..}}` or what looks like one.
pub(super) fn read_value(status: u16, value: &Value) -> ApiError {
    let object = value.get("error").filter(|e| e.is_object()).unwrap_or(value);
    let word = object.get("type").and_then(Value::as_str).filter(|t| *t != "error").unwrap_or_default();
    let detail = object.pointer("/details/error_code").and_then(Value::as_str).unwrap_or_default();
    match find_message(value, 0) {
        Some(message) => classify(status, word, message, detail),
        None => classify(status, word, &no_message(status), detail),
    }
}

/// The human text of an error of any shape: under `error`, `message`, `detail` and their like, at any level.
fn find_message(value: &Value, depth: u8) -> Option<&str> {
    const KEYS: [&str; 5] = ["error", "message", "Message", "detail", "msg"];
    match value {
        Value::String(text) => Some(text.trim()).filter(|t| !t.is_empty()),
        Value::Array(items) if depth < 8 => items.iter().find_map(|item| find_message(item, depth + 1)),
        Value::Object(fields) if depth < 8 => KEYS.iter().find_map(|key| find_message(fields.get(*key)?, depth + 1)),
        _ => None,
    }
}

/// The message of a body that is not JSON. A page of HTML is for browsers and says more of the vendor's edge than of the fault.
fn plain_message(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..MESSAGE_MAX).unwrap_or(body));
    let text = text.trim();
    if text.is_empty() {
        no_message(status)
    } else if text.starts_with('<') {
        format!("the upstream answered with status {status} and an HTML page")
    } else {
        text.to_owned()
    }
}

fn no_message(status: u16) -> String {
    format!("the upstream answered with status {status} and no message")
}

fn classify(status: u16, word: &str, message: &str, detail: &str) -> ApiError {
    let lower = message.to_lowercase();
    let (kind, natural_status, code) = kind_of(status, word);
    let (kind, code) = match kind {
        ErrorKind::InvalidRequest if is_too_long(&lower) => (kind, "context_length_exceeded"),
        ErrorKind::InvalidRequest | ErrorKind::RateLimit if is_out_of_credit(&lower, detail) => {
            (ErrorKind::InsufficientQuota, "insufficient_quota")
        }
        // A wrong base URL answers 404 as well.
        ErrorKind::NotFound if !lower.contains("model") => (kind, "not_found"),
        _ => (kind, code),
    };
    let client_fault = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::RequestTooLarge | ErrorKind::Conflict);
    ApiError {
        status: if status < 400 { natural_status } else { client_status(status) },
        kind,
        fault: if client_fault { Fault::Client } else { Fault::Upstream },
        message: cut(message).to_owned(),
        code: (!code.is_empty()).then_some(Cow::Borrowed(code)),
        param: None,
        retry_after: None,
        limits: Vec::new(),
        // Waiting brings no credit back.
        should_retry: (kind == ErrorKind::InsufficientQuota).then_some(false),
        extra: serde_json::Map::new(),
    }
}

/// Kind, status and code by the vendor's type word, or by the status where the word is missing or another vendor's.
fn kind_of(status: u16, word: &str) -> (ErrorKind, u16, &'static str) {
    match word {
        "invalid_request_error" => return (ErrorKind::InvalidRequest, 400, ""),
        "authentication_error" => return (ErrorKind::Authentication, 401, "upstream_auth_failed"),
        "billing_error" => return (ErrorKind::InsufficientQuota, 402, "insufficient_quota"),
        "permission_error" => return (ErrorKind::Permission, 403, "permission_denied"),
        "not_found_error" => return (ErrorKind::NotFound, 404, "model_not_found"),
        "conflict_error" => return (ErrorKind::Conflict, 409, "conflict"),
        "request_too_large" => return (ErrorKind::RequestTooLarge, 413, "request_too_large"),
        "rate_limit_error" => return (ErrorKind::RateLimit, 429, "rate_limit_exceeded"),
        "timeout_error" => return (ErrorKind::Timeout, 504, "upstream_timeout"),
        "overloaded_error" => return (ErrorKind::Overloaded, 503, "overloaded"),
        "api_error" => return (ErrorKind::Upstream, 500, "upstream_error"),
        _ => {}
    }
    match status {
        401 => (ErrorKind::Authentication, status, "upstream_auth_failed"),
        402 => (ErrorKind::InsufficientQuota, status, "insufficient_quota"),
        403 => (ErrorKind::Permission, status, "permission_denied"),
        404 => (ErrorKind::NotFound, status, "model_not_found"),
        408 | 504 => (ErrorKind::Timeout, status, "upstream_timeout"),
        409 => (ErrorKind::Conflict, status, "conflict"),
        413 => (ErrorKind::RequestTooLarge, status, "request_too_large"),
        429 => (ErrorKind::RateLimit, status, "rate_limit_exceeded"),
        498 | 499 | 503 | OVERLOADED_STATUS => (ErrorKind::Overloaded, 503, "overloaded"),
        424 => (ErrorKind::Upstream, 502, "upstream_error"),
        400..=499 => (ErrorKind::InvalidRequest, status, ""),
        500..=599 => (ErrorKind::Upstream, status, "upstream_error"),
        _ => (ErrorKind::Upstream, 502, "upstream_error"),
    }
}

/// The status for a client of any dialect. Statuses that only some vendors have become what they mean.
fn client_status(status: u16) -> u16 {
    match status {
        OVERLOADED_STATUS | 498 | 499 => 503,
        424 => 502,
        400..=599 => status,
        _ => 502,
    }
}

fn is_too_long(message: &str) -> bool {
    ["prompt is too long", "input is too long", "maximum context length", "exceed context limit", "context window"]
        .iter()
        .any(|text| message.contains(text))
}

fn is_out_of_credit(message: &str, detail: &str) -> bool {
    detail == "enforced_spend_limit_reached" || message.contains("credit balance is too low") || message.contains("spend limit")
}

fn cut(message: &str) -> &str {
    message.get(..message.floor_char_boundary(MESSAGE_MAX)).unwrap_or(message)
}

// --- writing -----------------------------------------------------------------------------------------------------------

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    error: Inner<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    r#type: &'static str,
    message: Cow<'a, str>,
}

/// Anthropic's error body.
pub(super) fn write_error(error: &ApiError, request_id: &str) -> Vec<u8> {
    let body = Body { r#type: "error", error: inner(error), request_id: Some(request_id) };
    // Strings alone always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// An error as the last event of a stream.
pub(super) fn write_error_event(error: &ApiError, out: &mut BytesMut) {
    out.extend_from_slice(b"event: error\ndata: ");
    let body = Body { r#type: "error", error: inner(error), request_id: None };
    // Writing strings to memory cannot fail.
    let _ = serde_json::to_writer((&mut *out).writer(), &body);
    out.extend_from_slice(b"\n\n");
}

/// The HTTP status that Anthropic's clients expect with an error body: an overload is 529, of which their SDKs make a class of
/// its own. Everything else keeps its status.
pub fn client_http_status(error: &ApiError) -> u16 {
    if error.kind == ErrorKind::Overloaded { OVERLOADED_STATUS } else { error.status }
}

fn inner(error: &ApiError) -> Inner<'_> {
    let too_long = error.code.as_deref() == Some("context_length_exceeded") && !error.message.contains(TOO_LONG);
    let message = if too_long { Cow::Owned(format!("{TOO_LONG}: {}", error.message)) } else { Cow::Borrowed(error.message.as_str()) };
    let r#type = match error.kind {
        ErrorKind::InvalidRequest => "invalid_request_error",
        ErrorKind::Authentication => "authentication_error",
        ErrorKind::Permission => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::RequestTooLarge => "request_too_large",
        ErrorKind::RateLimit => "rate_limit_error",
        ErrorKind::InsufficientQuota => "billing_error",
        ErrorKind::Overloaded => "overloaded_error",
        ErrorKind::Timeout => "timeout_error",
        ErrorKind::Conflict => "conflict_error",
        ErrorKind::Upstream | ErrorKind::Internal => "api_error",
    };
    Inner { r#type, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anthropics_types_map_to_kind_status_and_code() {
        for (status, word, kind, out, code) in [
            (400, "invalid_request_error", ErrorKind::InvalidRequest, 400, None),
            (401, "authentication_error", ErrorKind::Authentication, 401, Some("upstream_auth_failed")),
            (402, "billing_error", ErrorKind::InsufficientQuota, 402, Some("insufficient_quota")),
            (403, "permission_error", ErrorKind::Permission, 403, Some("permission_denied")),
            (404, "not_found_error", ErrorKind::NotFound, 404, Some("model_not_found")),
            (413, "request_too_large", ErrorKind::RequestTooLarge, 413, Some("request_too_large")),
            (429, "rate_limit_error", ErrorKind::RateLimit, 429, Some("rate_limit_exceeded")),
            (500, "api_error", ErrorKind::Upstream, 500, Some("upstream_error")),
            (504, "timeout_error", ErrorKind::Timeout, 504, Some("upstream_timeout")),
            (529, "overloaded_error", ErrorKind::Overloaded, 503, Some("overloaded")),
            (200, "overloaded_error", ErrorKind::Overloaded, 503, Some("overloaded")),
            (200, "api_error", ErrorKind::Upstream, 500, Some("upstream_error")),
        ] {
            let body = format!(r#"{{"type":"error","error":{{"type":"{word}","message":"model: why"}},"request_id":"r"}}"#);
            let error = read_error(status, body.as_bytes());
            assert_eq!((error.kind, error.status, error.code.as_deref()), (kind, out, code), "{word}");
            assert_eq!(error.message, "model: why");
        }
    }

    #[test]
    fn any_shape_yields_its_message() {
        for body in [
            r#"{"error":{"message":"why","code":5}}"#,
            r#"[{"error":{"message":"why"}}]"#,
            r#"{"error":"why"}"#,
            r#"{"message":"why"}"#,
            r#"{"Message":"why"}"#,
            r#"{"detail":[{"msg":"why","loc":["body"]}]}"#,
            r#"{"detail":{"message":"why"}}"#,
            "why",
        ] {
            let error = read_error(422, body.as_bytes());
            assert_eq!((error.message.as_str(), error.status, error.fault), ("why", 422, Fault::Client), "{body}");
        }
        assert_eq!(read_error(529, b"").message, "the upstream answered with status 529 and no message");
        assert_eq!(read_error(502, b"<html>nginx 10.0.0.1</html>").message, "the upstream answered with status 502 and an HTML page");
        assert_eq!(read_error(424, b"{}").status, 502);
        let long = read_error(400, format!("{{\"message\":\"{}\"}}", "é".repeat(5000)).as_bytes());
        assert!(long.message.len() <= MESSAGE_MAX && long.message.ends_with('é'));
    }

    #[test]
    fn length_and_credit_are_told_from_the_text() {
        let read = |message: &str| {
            read_error(400, format!(r#"{{"type":"error","error":{{"type":"invalid_request_error","message":"{message}"}}}}"#).as_bytes())
        };
        assert_eq!(read("prompt is too long: 2 tokens > 1 maximum").code.as_deref(), Some("context_length_exceeded"));
        let credit = read("Your credit balance is too low to access the API");
        assert_eq!((credit.kind, credit.should_retry), (ErrorKind::InsufficientQuota, Some(false)));
        let spent = br#"{"error":{"type":"rate_limit_error","message":"no","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
        assert_eq!(read_error(429, spent).code.as_deref(), Some("insufficient_quota"));
    }

    #[test]
    fn writes_anthropics_shape_which_reads_back() {
        let error = ApiError::new(503, ErrorKind::Overloaded, Fault::Upstream, "overloaded", "busy");
        let body = write_error(&error, "req_1");
        assert_eq!(body, br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"req_1"}"#);
        assert_eq!(read_error(client_http_status(&error), &body), error);
        let mut out = BytesMut::new();
        write_error_event(&ApiError::invalid("context_length_exceeded", "messages", "9 > 8"), &mut out);
        assert_eq!(
            &out[..],
            b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 9 > 8\"}}\n\n"
        );
    }
}
