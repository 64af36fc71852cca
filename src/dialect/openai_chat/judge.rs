//! What a vendor's error means: the status and kind for the client, and a code it can rely on.

use std::borrow::Cow;
use std::time::Duration;

use crate::chat::{ApiError, ErrorKind, Fault};
use crate::dialect::said::{Said, http_status};

/// How vendors say that prompt and answer do not fit into the model's context.
const TOO_LONG: [&str; 6] = [
    "context_length_exceeded",
    "maximum context length",
    "context length exceeded",
    "prompt is too long",
    "range of input length",
    "too many tokens",
];

impl Said {
    /// The status that the words of an error without one stand for.
    pub fn status_by_words(&self) -> Option<u16> {
        let words = format!("{} {}", self.kind, self.code.as_deref().unwrap_or_default()).to_ascii_lowercase();
        let has = |word: &str| words.contains(word);
        if let Some(status) = self.code.as_deref().and_then(|code| code.parse().ok()).and_then(http_status) {
            return Some(status);
        }
        Some(match () {
            () if has("rate_limit") || has("throttling") || has("quota") => 429,
            () if has("overloaded") || has("unavailable") => 503,
            () if has("api_key") || has("apikey") || has("authentication") => 401,
            () if has("invalid") || has("badrequest") || has("bad_request") || has("tool_use_failed") => 400,
            () => return None,
        })
    }

    /// Judges it: which status and kind the client gets, and a code it can rely on.
    pub fn into_error(mut self, status: u16) -> ApiError {
        if self.message.is_empty() {
            self.message = format!("the upstream answered with status {status} and no message");
        }
        let lower = self.message.to_ascii_lowercase();
        let words = format!("{} {}", self.kind, self.code.as_deref().unwrap_or_default()).to_ascii_lowercase();
        let about_key = lower.contains("incorrect api key") || lower.contains("invalid api key") || words.contains("invalid_api_key");
        let about_money = words.contains("insufficient_quota")
            || words.contains("arrear")
            || words.contains("billing")
            || lower.contains("exceeded your current quota")
            || lower.contains("insufficient balance")
            || lower.contains("insufficient credit");
        let too_long = words.contains("context_length") || TOO_LONG.iter().any(|phrase| lower.contains(phrase));
        let filtered = words.contains("content_filter") || words.contains("datainspection") || words.contains("data_inspection");
        let no_model = words.contains("model_not_found") || words.contains("deploymentnotfound") || lower.contains("model");

        let (status, kind, code) = match status {
            401 => (401, ErrorKind::Authentication, Some("upstream_auth_failed")),
            400 if about_key => (401, ErrorKind::Authentication, Some("upstream_auth_failed")),
            402 => (402, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            400 | 403 if words.contains("arrear") => (402, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            400 | 413 | 422 if too_long => (400, ErrorKind::InvalidRequest, Some("context_length_exceeded")),
            400 if filtered => (400, ErrorKind::InvalidRequest, Some("content_filter")),
            403 => (403, ErrorKind::Permission, None),
            404 if no_model => (404, ErrorKind::NotFound, Some("model_not_found")),
            404 => (404, ErrorKind::NotFound, None),
            408 => (408, ErrorKind::Timeout, Some("upstream_timeout")),
            409 => (409, ErrorKind::Conflict, None),
            413 => (413, ErrorKind::RequestTooLarge, Some("request_too_large")),
            429 if about_money => (429, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            429 => (429, ErrorKind::RateLimit, Some("rate_limit_exceeded")),
            498 | 499 | 503 | 529 => (503, ErrorKind::Overloaded, Some("overloaded")),
            424 => (502, ErrorKind::Upstream, None),
            504 => (504, ErrorKind::Timeout, Some("upstream_timeout")),
            500.. => (status.min(599), ErrorKind::Upstream, None),
            400..500 => (status, ErrorKind::InvalidRequest, None),
            _ => (502, ErrorKind::Upstream, None),
        };
        let own = self.code.filter(|code| code.parse::<u64>().is_err()).map(Cow::Owned);
        let fallback = if status >= 500 { Some(Cow::Borrowed("upstream_error")) } else { None };
        let named = self.status.map(|number| Cow::Owned(number.to_string()));
        ApiError {
            status,
            kind,
            fault: if matches!(status, 400 | 404 | 409 | 413 | 422) { Fault::Client } else { Fault::Upstream },
            retry_after: if status == 429 { wait_in(&lower) } else { None },
            limits: Vec::new(),
            should_retry: (kind == ErrorKind::InsufficientQuota).then_some(false),
            message: self.message,
            code: code.map(Cow::Borrowed).or(own).or(fallback).or(named),
            param: self.param,
            extra: self.extra,
        }
    }
}

/// The wait in "try again in 1m2.5s" (also `88ms`), as OpenAI and Groq write it.
fn wait_in(message: &str) -> Option<Duration> {
    let mut rest = message.split_once("try again in ")?.1;
    let mut seconds = 0.0;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let Ok(number) = number.parse::<f64>() else { break };
        let (scale, width) = match unit.as_bytes() {
            [b'm', b's', ..] => (0.001, 2),
            [b'h', ..] => (3600.0, 1),
            [b'm', ..] => (60.0, 1),
            [b's', ..] => (1.0, 1),
            _ => break,
        };
        seconds += number * scale;
        rest = unit.get(width..).unwrap_or_default();
    }
    if seconds > 0.0 { Duration::try_from_secs_f64(seconds).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_kinds_and_codes() {
        for (status, body, expected, kind, code) in [
            (401, r#"{"error":{"message":"bad key"}}"#, 401, ErrorKind::Authentication, Some("upstream_auth_failed")),
            (400, r#"{"code":"c","error":"Incorrect API key provided"}"#, 401, ErrorKind::Authentication, Some("upstream_auth_failed")),
            (402, r#"{"error":{"message":"Insufficient Balance"}}"#, 402, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            (400, r#"{"error":{"message":"x","code":"Arrearage"}}"#, 402, ErrorKind::InsufficientQuota, Some("insufficient_quota")),
            (429, r#"{"error":{"message":"x","code":"429"}}"#, 429, ErrorKind::RateLimit, Some("rate_limit_exceeded")),
            (
                429,
                r#"{"error":{"message":"x","type":"insufficient_quota"}}"#,
                429,
                ErrorKind::InsufficientQuota,
                Some("insufficient_quota"),
            ),
            (
                400,
                r#"{"message":"This model's maximum context length is 8 tokens"}"#,
                400,
                ErrorKind::InvalidRequest,
                Some("context_length_exceeded"),
            ),
            (422, r#"{"detail":"x"}"#, 422, ErrorKind::InvalidRequest, None),
            (404, r#"{"error":{"message":"The model `x` does not exist"}}"#, 404, ErrorKind::NotFound, Some("model_not_found")),
            (424, r#"{"error":{"message":"x"}}"#, 502, ErrorKind::Upstream, Some("upstream_error")),
            (529, "", 503, ErrorKind::Overloaded, Some("overloaded")),
            (500, r#"{"error":{"message":"x","code":"boom"}}"#, 500, ErrorKind::Upstream, Some("boom")),
            (400, r#"{"error":{"message":"x","code":400}}"#, 400, ErrorKind::InvalidRequest, Some("400")),
            (400, r#"{"error":{"message":"x","code":"tool_use_failed"}}"#, 400, ErrorKind::InvalidRequest, Some("tool_use_failed")),
        ] {
            let error = Said::read(body.as_bytes()).into_error(status);
            assert_eq!((error.status, error.kind, error.code.as_deref()), (expected, kind, code), "{status} {body}");
        }
    }

    #[test]
    fn the_wait_is_read_from_the_text() {
        for (message, millis) in [("try again in 5.289s.", 5289), ("please try again in 1m2.5s", 62_500), ("try again in 88ms", 88)] {
            assert_eq!(wait_in(message).map(|wait| wait.as_millis()), Some(millis), "{message}");
        }
        assert_eq!(wait_in("try again in a while"), None);
    }
}
