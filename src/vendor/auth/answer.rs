//! Reads what token servers answer.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;

use super::Granted;

/// Why there is no token. It names no secret, host or file, so that clients may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthError(String);

impl AuthError {
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AuthError {}

/// What a token server's error answer says: its status and the word by which it names the error. Its sentences may repeat what
/// it was sent and are left out.
pub fn refusal(status: u16, body: &[u8]) -> AuthError {
    match error_word(body) {
        Some(word) => AuthError(format!("the token endpoint answered {status} ({word})")),
        None => AuthError(format!("the token endpoint answered {status}")),
    }
}

fn error_word(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let word = match serde_json::from_str::<Value>(text) {
        Ok(answer) => {
            let places = ["/error", "/error/status", "/error/code", "/code", "/Code", "/__type"];
            places.iter().find_map(|place| answer.pointer(place)?.as_str().map(str::to_owned))?
        }
        Err(_) => text.split_once("<Code>")?.1.split_once("</Code>")?.0.to_owned(),
    };
    let is_word = (1..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    is_word.then_some(word)
}

/// An OAuth 2 token answer. Azure writes its numbers as texts.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    expires_on: Option<Value>,
}

/// Reads an OAuth 2 token answer.
pub(super) fn oauth_token(body: &[u8], now: SystemTime) -> Result<Granted, AuthError> {
    let unread = || AuthError::new("the token endpoint's answer holds no token");
    let token: Token = serde_json::from_slice(body).map_err(|_| unread())?;
    if token.access_token.is_empty() {
        return Err(unread());
    }
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let lasts = match (token.expires_in.as_ref().and_then(number), token.expires_on.as_ref().and_then(number)) {
        (Some(seconds), _) => Some(Duration::from_secs(seconds)),
        (None, Some(unix)) => Some(until_unix(unix, now)),
        // Without a word of it a token is taken for a short one.
        (None, None) => Some(Duration::from_secs(300)),
    };
    // Google's metadata server pads its tokens with dots.
    Granted::bearer(token.access_token.trim_end_matches('.'), lasts)
}

/// The time from `now` to a moment in Unix seconds.
pub(super) fn until_unix(unix: u64, now: SystemTime) -> Duration {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(unix).saturating_sub(since)
}

/// The time from `now` to a moment as RFC 3339 writes it.
pub(super) fn until(moment: &str, now: SystemTime) -> Option<Duration> {
    let moment: jiff::Timestamp = moment.parse().ok()?;
    Some(until_unix(u64::try_from(moment.as_second()).ok()?, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(unix)
    }

    #[test]
    fn lifetimes_are_read_however_they_are_written() {
        for (body, lasts) in [
            (r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#, 3599),
            (r#"{"access_token":"t","expires_in":"3599","expires_on":"1"}"#, 3599),
            (r#"{"access_token":"t","expires_on":"1060"}"#, 60),
            (r#"{"access_token":"t","expires_on":900}"#, 0),
            (r#"{"access_token":"t...."}"#, 300),
        ] {
            let granted = oauth_token(body.as_bytes(), at(1000)).unwrap();
            assert_eq!((granted.lasts, granted.grant.exposed()), (Some(Duration::from_secs(lasts)), "t"), "{body}");
        }
        assert_eq!(until("1970-01-01T00:20:00Z", at(1000)), Some(Duration::from_secs(200)));
        assert_eq!(until("soon", at(1000)), None);
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        for body in ["", "<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":"a\nb"}"#, r#"{"access_token":7}"#] {
            assert!(oauth_token(body.as_bytes(), at(0)).is_err(), "{body}");
        }
    }

    #[test]
    fn of_an_error_only_its_word_is_told() {
        for (body, told) in [
            (r#"{"error":"invalid_grant","error_description":"secret"}"#, "the token endpoint answered 400 (invalid_grant)"),
            (r#"{"error":{"status":"PERMISSION_DENIED","message":"secret"}}"#, "the token endpoint answered 400 (PERMISSION_DENIED)"),
            ("<E><Error><Code>AccessDenied</Code><Message>secret</Message></Error></E>", "the token endpoint answered 400 (AccessDenied)"),
            (r#"{"error":"the secret is wrong"}"#, "the token endpoint answered 400"),
            ("secret", "the token endpoint answered 400"),
        ] {
            assert_eq!(refusal(400, body.as_bytes()).to_string(), told);
        }
    }
}
