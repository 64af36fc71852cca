//! Errors: reads whatever an OpenAI-like vendor answers instead of an answer, and writes OpenAI's error object.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::chat::{ApiError, ErrorKind, Fault};

/// The longest message that is passed on, in bytes.
const MESSAGE_LIMIT: usize = 2048;
/// Keys of a vendor's error object that say more than OpenAI's four and are safe to show.
const KEPT: [&str; 2] = ["innererror", "failed_generation"];
/// How vendors say that prompt and answer do not fit into the model's context.
const TOO_LONG: [&str; 6] = [
    "context_length_exceeded",
    "maximum context length",
    "context length exceeded",
    "prompt is too long",
    "range of input length",
    "too many tokens",
];

/// Reads an error body of any shape with the vendor's status.
pub fn read(status: u16, body: &[u8]) -> ApiError {
    let mut said = match serde_json::from_slice::<Value>(body) {
        Ok(value) => Said::of(&value),
        Err(_) => Said { message: plain(body), ..Said::default() },
    };
    if said.message.is_empty() {
        said.message = format!("the upstream answered with status {status} and no message");
    }
    said.into_error(status)
}

/// Reads an error that came with a success status, inside a stream or as a whole answer. `body` is all of it.
pub fn in_band(body: &Value) -> ApiError {
    let mut said = Said::of(body);
    if said.message.is_empty() {
        said.message = "the upstream reported an error without a message".into();
    }
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

/// What a vendor said, before it is judged.
#[derive(Debug, Default)]
struct Said {
    message: String,
    kind: String,
    code: Option<String>,
    param: Option<String>,
    /// A status that the body itself names.
    status: Option<u16>,
    extra: Map<String, Value>,
}

impl Said {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self { message: clean(text), ..Self::default() },
            Value::Array(items) => items.iter().map(Self::of).find(|said| !said.message.is_empty()).unwrap_or_default(),
            Value::Object(object) => Self::of_object(object),
            _ => Self::default(),
        }
    }

    fn of_object(object: &Map<String, Value>) -> Self {
        let mut said = Self::default();
        for key in ["error", "message", "Message", "detail", "msg"] {
            let inner = match object.get(key) {
                Some(Value::Array(items)) if key == "detail" => Self::of_details(items),
                Some(value) => Self::of(value),
                None => continue,
            };
            if !inner.message.is_empty() {
                said = inner;
                break;
            }
        }
        if said.kind.is_empty() {
            said.kind = text(object, "type").or_else(|| text(object, "status")).unwrap_or_default();
        }
        for key in ["code", "status_code", "statusCode"] {
            match object.get(key) {
                Some(Value::Number(number)) => said.status = said.status.or(number.as_u64().and_then(http_status)),
                Some(Value::String(code)) if !code.is_empty() => said.code = said.code.or_else(|| Some(code.clone())),
                _ => {}
            }
        }
        said.param = said.param.or_else(|| text(object, "param"));
        for key in KEPT {
            if let Some(value) = object.get(key) {
                said.extra.entry(key).or_insert_with(|| value.clone());
            }
        }
        said
    }

    /// FastAPI's list of `{loc, msg}`.
    fn of_details(items: &[Value]) -> Self {
        let mut said = Self::default();
        for item in items {
            let message = Self::of(item).message;
            let place: Vec<String> = item
                .get("loc")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|step| *step != "body")
                .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
                .collect();
            if message.is_empty() {
                continue;
            }
            if !said.message.is_empty() {
                said.message.push_str("; ");
            }
            if !place.is_empty() {
                said.message.push_str(&place.join("."));
                said.message.push_str(": ");
                said.param.get_or_insert(place.join("."));
            }
            said.message.push_str(&message);
        }
        said
    }

    /// The status that the words of an error without one stand for.
    fn status_by_words(&self) -> Option<u16> {
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
    fn into_error(self, status: u16) -> ApiError {
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
            should_retry: (kind == ErrorKind::InsufficientQuota).then_some(false),
            message: self.message,
            code: code.map(Cow::Borrowed).or(own).or(fallback).or(named),
            param: self.param,
            extra: self.extra,
        }
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn http_status(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// A body that is not JSON: its text, or only that it is a page.
fn plain(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') { "the upstream answered with an HTML page".into() } else { clean(text) }
}

/// The text without control characters, cut to what is worth passing on.
fn clean(text: &str) -> String {
    let mut end = text.len().min(MESSAGE_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
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

    fn of(status: u16, body: &str) -> ApiError {
        read(status, body.as_bytes())
    }

    #[test]
    fn every_known_shape_gives_its_message() {
        for body in [
            r#"{"error":{"message":"boom","type":"t","param":null,"code":null}}"#,
            r#"{"error":{"code":400,"message":"boom","status":"INVALID_ARGUMENT","details":[]}}"#,
            r#"[{"error":{"message":"boom"}}]"#,
            r#"{"error":"boom"}"#,
            r#"{"code":"invalid-argument","error":"boom"}"#,
            r#"{"type":"error","error":{"type":"t","message":"boom"}}"#,
            r#"{"message":"boom"}"#,
            r#"{"Message":"boom"}"#,
            r#"{"code":"InvalidParameter","message":"boom","request_id":"r"}"#,
            r#"{"object":"error","message":"boom","type":"t","code":3505}"#,
            r#"{"detail":"boom"}"#,
            r#"{"detail":[{"msg":"boom","type":"t"}]}"#,
            r#"{"detail":{"message":"boom"}}"#,
            r#"{"statusCode":400,"message":"boom"}"#,
            r#"{"id":"x","message":"boom"}"#,
            r#"{"object":"error","message":{"detail":[{"loc":[],"msg":"boom"}]},"type":"t"}"#,
            "boom",
        ] {
            assert_eq!(of(400, body).message, "boom", "{body}");
        }
        assert!(of(502, "<html>secret</html>").message.contains("HTML page"));
        assert!(!of(500, "").message.is_empty());
    }

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
            let error = of(status, body);
            assert_eq!((error.status, error.kind, error.code.as_deref()), (expected, kind, code), "{status} {body}");
        }
    }

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
        let error = of(400, r#"{"error":{"message":"m","code":"content_filter","param":"prompt","innererror":{"code":"R"}}}"#);
        assert_eq!(error.param.as_deref(), Some("prompt"));
        let written = write(&error);
        assert_eq!(written["error"]["innererror"]["code"], "R");
        assert_eq!(written["error"]["code"], "content_filter");
        assert_eq!(written["error"].as_object().map(Map::len), Some(5));
    }

    #[test]
    fn details_name_the_field() {
        let error = of(422, r#"{"detail":[{"loc":["body","messages",0,"role"],"msg":"bad"},{"loc":["body","n"],"msg":"worse"}]}"#);
        assert_eq!(error.message, "messages.0.role: bad; n: worse");
        assert_eq!(error.param.as_deref(), Some("messages.0.role"));
    }

    #[test]
    fn the_wait_is_read_from_the_text() {
        for (message, millis) in [("try again in 5.289s.", 5289), ("please try again in 1m2.5s", 62_500), ("try again in 88ms", 88)] {
            assert_eq!(wait_in(message).map(|wait| wait.as_millis()), Some(millis), "{message}");
        }
        assert_eq!(wait_in("try again in a while"), None);
    }
}
