//! Errors. Their class is in a header, or names the exception in a stream; the body holds little more than the message.

use std::borrow::Cow;

use serde_json::Value;

use crate::chat::{ApiError, ErrorKind, Fault};
use crate::dialect::said::Said;

/// Reads an error body. `class` is what the header says, empty where there is none.
pub(super) fn read_error(status: u16, class: &str, body: &[u8]) -> ApiError {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let named = value.get("__type").or_else(|| value.get("code")).and_then(Value::as_str).unwrap_or_default();
    read(status, if class.is_empty() { named } else { class }, Said::read(body))
}

/// Reads the exception of a stream, with its class under `__type`.
pub(super) fn read_fault(json: &[u8]) -> ApiError {
    read_error(200, "", json)
}

fn read(status: u16, class: &str, said: Said) -> ApiError {
    let message = if said.message.is_empty() { format!("the upstream answered with status {status} and no message") } else { said.message };
    let (status, kind, code) = judge(status, &essence(class), &message.to_ascii_lowercase());
    let client_fault = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::RequestTooLarge | ErrorKind::Conflict);
    ApiError {
        status,
        kind,
        fault: if client_fault { Fault::Client } else { Fault::Upstream },
        message,
        code: (!code.is_empty()).then_some(Cow::Borrowed(code)),
        param: None,
        retry_after: None,
        limits: Vec::new(),
        // Waiting brings no quota back.
        should_retry: (kind == ErrorKind::InsufficientQuota).then_some(false),
        extra: said.extra,
    }
}

/// A class without its namespace before and its address behind, in small letters.
fn essence(class: &str) -> String {
    let name = class.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default().trim().to_ascii_lowercase();
    name.strip_suffix("exception").unwrap_or(&name).to_owned()
}

/// The client's status, kind and code, by the class, or by the vendor's status where that is not known.
fn judge(status: u16, class: &str, message: &str) -> (u16, ErrorKind, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let invalid = || match () {
        () if has(&["input is too long", "prompt is too long", "too many input tokens", "maximum context length"]) => {
            (400, ErrorKind::InvalidRequest, "context_length_exceeded")
        }
        () if has(&["model identifier is invalid"]) => (404, ErrorKind::NotFound, "model_not_found"),
        () => (400, ErrorKind::InvalidRequest, ""),
    };
    let throttled = || match () {
        // A day's quota does not come back in time for another try.
        () if has(&["per day"]) => (429, ErrorKind::InsufficientQuota, "insufficient_quota"),
        () => (429, ErrorKind::RateLimit, "rate_limit_exceeded"),
    };
    let denied = (401, ErrorKind::Authentication, "upstream_auth_failed");
    let forbidden = || if has(&["authentication failed", "api key"]) { denied } else { (403, ErrorKind::Permission, "permission_denied") };
    let failed = |status| (status, ErrorKind::Upstream, "upstream_error");
    match class {
        "validation" => invalid(),
        "servicequotaexceeded" => (429, ErrorKind::InsufficientQuota, "insufficient_quota"),
        "conflict" => (409, ErrorKind::Conflict, "conflict"),
        "accessdenied" => forbidden(),
        "unrecognizedclient"
        | "invalidsignature"
        | "signaturedoesnotmatch"
        | "incompletesignature"
        | "missingauthenticationtoken"
        | "invalidclienttokenid"
        | "expiredtoken" => denied,
        "resourcenotfound" => (404, ErrorKind::NotFound, "model_not_found"),
        "modeltimeout" => (504, ErrorKind::Timeout, "upstream_timeout"),
        "modelerror" | "modelstreamerror" => failed(502),
        "throttling" | "toomanyrequests" => throttled(),
        "modelnotready" | "serviceunavailable" => (503, ErrorKind::Overloaded, "overloaded"),
        "internalserver" | "internalfailure" => failed(500),
        _ => match status {
            400 | 422 => invalid(),
            401 => denied,
            402 => (402, ErrorKind::InsufficientQuota, "insufficient_quota"),
            403 => forbidden(),
            404 => (404, ErrorKind::NotFound, "model_not_found"),
            408 | 504 => (504, ErrorKind::Timeout, "upstream_timeout"),
            409 => (409, ErrorKind::Conflict, "conflict"),
            413 => (413, ErrorKind::RequestTooLarge, "request_too_large"),
            424 => failed(502),
            429 => throttled(),
            503 => (503, ErrorKind::Overloaded, "overloaded"),
            405..=499 => (status, ErrorKind::InvalidRequest, ""),
            500..=599 => failed(status),
            _ => failed(502),
        },
    }
}

/// The class that clients know an error by.
pub(super) fn class(error: &ApiError) -> &'static str {
    match error.kind {
        _ if error.status == 404 => "ResourceNotFoundException",
        ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge => "ValidationException",
        ErrorKind::Authentication | ErrorKind::Permission => "AccessDeniedException",
        ErrorKind::NotFound => "ResourceNotFoundException",
        ErrorKind::RateLimit => "ThrottlingException",
        ErrorKind::InsufficientQuota => "ServiceQuotaExceededException",
        ErrorKind::Overloaded => "ServiceUnavailableException",
        ErrorKind::Timeout => "ModelTimeoutException",
        ErrorKind::Conflict => "ConflictException",
        ErrorKind::Upstream | ErrorKind::Internal => "InternalServerException",
    }
}

/// The class of an error inside a stream, of which there are only these.
pub(super) fn stream_class(error: &ApiError) -> &'static str {
    match error.kind {
        ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge | ErrorKind::NotFound | ErrorKind::Conflict => "validationException",
        ErrorKind::RateLimit | ErrorKind::InsufficientQuota => "throttlingException",
        ErrorKind::Overloaded => "serviceUnavailableException",
        ErrorKind::Upstream | ErrorKind::Timeout => "modelStreamErrorException",
        ErrorKind::Authentication | ErrorKind::Permission | ErrorKind::Internal => "internalServerException",
    }
}

/// The status that goes with the class.
pub(super) fn client_status(error: &ApiError) -> u16 {
    match error.kind {
        ErrorKind::Authentication => 403,
        // Clients send again what they are told with 429 and 504.
        ErrorKind::InsufficientQuota => 400,
        ErrorKind::Timeout => 408,
        ErrorKind::Conflict => 400,
        _ => error.status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_means_what_bedrock_means_by_it() {
        use ErrorKind::{
            Authentication, InsufficientQuota, InvalidRequest, NotFound, Overloaded, Permission, RateLimit, Timeout, Upstream,
        };
        for (status, class, message, out, kind, code) in [
            (400, "ValidationException:http://internal.amazon.com/", "no", 400, InvalidRequest, None),
            (400, "", "The provided model identifier is invalid.", 404, NotFound, Some("model_not_found")),
            (400, "ValidationException", "Input is too long for requested model.", 400, InvalidRequest, Some("context_length_exceeded")),
            (400, "ServiceQuotaExceededException", "no", 429, InsufficientQuota, Some("insufficient_quota")),
            (403, "AccessDeniedException", "You don't have access", 403, Permission, Some("permission_denied")),
            (403, "", "Authentication failed: Please make sure your API Key is valid.", 401, Authentication, Some("upstream_auth_failed")),
            (403, "com.amazon.coral.service#UnrecognizedClientException", "x", 401, Authentication, Some("upstream_auth_failed")),
            (404, "ResourceNotFoundException", "x", 404, NotFound, Some("model_not_found")),
            (408, "ModelTimeoutException", "x", 504, Timeout, Some("upstream_timeout")),
            (424, "ModelErrorException", "x", 502, Upstream, Some("upstream_error")),
            (429, "ThrottlingException", "Too many requests", 429, RateLimit, Some("rate_limit_exceeded")),
            (429, "ThrottlingException", "Too many tokens per day", 429, InsufficientQuota, Some("insufficient_quota")),
            (429, "ModelNotReadyException", "x", 503, Overloaded, Some("overloaded")),
            (500, "InternalServerException", "x", 500, Upstream, Some("upstream_error")),
            (503, "", "x", 503, Overloaded, Some("overloaded")),
        ] {
            let body = serde_json::json!({ "message": message }).to_string();
            let error = read_error(status, class, body.as_bytes());
            assert_eq!((error.status, error.kind, error.code.as_deref()), (out, kind, code), "{status} {class} {message}");
            assert_eq!(error.message, message);
        }
        let capital = read_error(403, "", br#"{"Message":"why","__type":"ExpiredTokenException"}"#);
        assert_eq!((capital.message.as_str(), capital.kind), ("why", Authentication));
        assert_eq!(read_error(502, "", b"").message, "the upstream answered with status 502 and no message");
    }

    #[test]
    fn a_streams_exception_is_read_by_its_name() {
        let fault = read_fault(br#"{"message":"slow","__type":"throttlingException"}"#);
        assert_eq!((fault.status, fault.message.as_str()), (429, "slow"));
        assert_eq!(read_fault(br#"{"message":"x","__type":"somethingNew"}"#).status, 502);
    }

    #[test]
    fn what_is_written_reads_back() {
        for (status, kind, code) in [
            (404, ErrorKind::NotFound, "model_not_found"),
            (401, ErrorKind::Authentication, "upstream_auth_failed"),
            (429, ErrorKind::RateLimit, "rate_limit_exceeded"),
            (503, ErrorKind::Overloaded, "overloaded"),
            (504, ErrorKind::Timeout, "upstream_timeout"),
            (409, ErrorKind::Conflict, "conflict"),
            (500, ErrorKind::Upstream, "upstream_error"),
        ] {
            let error = ApiError::new(status, kind, Fault::Upstream, code, "invalid api key");
            let back = read_error(client_status(&error), class(&error), br#"{"message":"invalid api key"}"#);
            assert_eq!((back.status, back.kind, back.code), (error.status, error.kind, error.code), "{kind:?}");
        }
    }
}
