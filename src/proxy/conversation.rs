//! Which requests belong together: vendors keep prompts in a cache, so one conversation is best kept on one target and
//! credential.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::runtime::fnv;

/// Names the conversation of a request.
const HEADER: &str = "x-llm-session";
/// So much of a prompt's beginning tells one conversation from another, in bytes.
const PREFIX: usize = 4096;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    prompt_cache_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    user_id: Option<&'a RawValue>,
}

/// A number that requests of one conversation share.
pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> u64 {
    if let Some(session) = headers.get(HEADER) {
        return fnv(session.as_bytes());
    }
    let prefix = |text: &[u8]| fnv(text.get(..PREFIX).unwrap_or(text));
    let Ok(Body { prompt_cache_key, user, metadata, system, messages }) = serde_json::from_slice(body) else { return prefix(body) };
    let user_id = metadata.and_then(|metadata: Metadata<'_>| metadata.user_id);
    if let Some(named) = prompt_cache_key.or(user).or(user_id) {
        return fnv(named.get().as_bytes());
    }
    // The system prompt and the first turn stay the same while a conversation grows.
    let mut begin = system.into_iter().chain(messages.into_iter().take(2)).peekable();
    if begin.peek().is_none() {
        return prefix(body);
    }
    begin.fold(0, |hash, part| hash.rotate_left(5) ^ prefix(part.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_growing_conversation_stays_itself() {
        let none = HeaderMap::new();
        let first = of(&none, br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hello"}]}"#);
        let later =
            of(&none, br#"{"model":"x","messages":[{"role":"system","content":"s"},{"role":"user","content":"hello"},{"role":"assistant","content":"hi"}]}"#);
        let other = of(&none, br#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"bye"}]}"#);
        assert_eq!(first, later);
        assert_ne!(first, other);
    }

    #[test]
    fn a_name_goes_before_the_prompt_and_the_header_before_all() {
        let mut headers = HeaderMap::new();
        let named = |prompt: &str| format!(r#"{{"prompt_cache_key":"k","messages":[{{"content":"{prompt}"}}]}}"#);
        assert_eq!(of(&headers, named("a").as_bytes()), of(&headers, named("b").as_bytes()));
        let by_user = br#"{"metadata":{"user_id":"u"},"messages":[{"content":"a"}]}"#;
        assert_eq!(of(&headers, by_user), of(&headers, br#"{"metadata":{"user_id":"u"},"messages":[]}"#));
        headers.insert(HEADER, HeaderValue::from_static("s"));
        assert_eq!(of(&headers, by_user), of(&headers, b"not even JSON"));
    }
}
