//! Which answers may be kept, and for which requests they are the answer.

use bytes::Bytes;
use http::Uri;
use http::header::{CACHE_CONTROL, HeaderMap};

use crate::base::json;
use crate::cache::Key;
use crate::config::Unsupported;
use crate::proxy::call::Call;
use crate::proxy::ingress::caller_key;
use crate::runtime::{ClientEntry, Snapshot, Target};

/// A client's headers that change what a vendor answers. Those that only name one exchange (ids, traces) do not count.
const MEANINGFUL: [&str; 3] = ["openai-beta", "anthropic-version", "anthropic-beta"];

/// What a client says of caches (RFC 9111, 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// No kept answer is wanted; the new one takes its place.
    pub no_cache: bool,
    /// Nothing of this exchange is to be kept.
    pub no_store: bool,
}

pub(super) fn wish(headers: &HeaderMap) -> Wish {
    let mut wish = Wish::default();
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.as_bytes().split(|byte| *byte == b',') {
            let directive = directive.trim_ascii();
            wish.no_cache |= directive.eq_ignore_ascii_case(b"no-cache");
            wish.no_store |= directive.eq_ignore_ascii_case(b"no-store");
        }
    }
    wish
}

/// Whether the same request is bound to get the same answer: one answer is asked for, at a temperature of exactly 0. What is
/// written in an unusual way is not taken for it.
pub(super) fn is_deterministic(body: &[u8]) -> bool {
    let (mut cold, mut one) = (false, true);
    for (name, value) in json::members(body) {
        let text = |place| body.get(place).unwrap_or_default();
        let value = text(value);
        match text(name) {
            b"temperature" => cold = std::str::from_utf8(value).is_ok_and(|text| text.parse::<f64>().is_ok_and(|number| number == 0.0)),
            b"n" => one = matches!(value, b"1" | b"null"),
            // An escape could hide one of the two.
            name if name.contains(&b'\\') => return false,
            _ => {}
        }
    }
    cold && one
}

/// Everything the answer depends on: who asks, what, in which words, and whom.
pub(super) fn key(snapshot: &Snapshot, client: Option<&ClientEntry>, uri: &Uri, call: &Call, target: &Target) -> Key {
    let provider = &*target.provider;
    let origin = &provider.origin.key;
    let path = target.chat_path(&target.speaks(call.dialect).chat_path(&target.model, call.view.stream), call.view.stream, None);
    let unsupported = match snapshot.config.unsupported {
        Unsupported::Drop => "drop",
        Unsupported::Warn => "warn",
        Unsupported::Reject => "reject",
    };
    // A caller without a name is told apart by its key, which may be what the vendor is asked with.
    let (client, caller) = match client {
        Some(client) => (client.name.as_str(), ""),
        None => ("", caller_key(&call.headers).unwrap_or_default()),
    };
    let asks = [
        client,
        caller,
        call.dialect.as_str(),
        uri.path(),
        uri.query().unwrap_or_default(),
        &call.view.model,
        &provider.name,
        &target.model,
        &origin.host,
        &path,
        unsupported,
        if call.wants_whole_calls() { "whole calls" } else { "" },
    ];
    let port = origin.port.to_le_bytes();
    let headers = MEANINGFUL.map(|name| call.headers.get(name).map_or(&b""[..], |value| value.as_bytes()));
    let body: &Bytes = &call.body;
    Key::of(asks.iter().map(|text| text.as_bytes()).chain([&port[..]]).chain(headers).chain([&body[..]]))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_one_answer_at_temperature_zero_is_deterministic() {
        for body in [
            r#"{"temperature":0}"#,
            r#"{"model":"m","temperature": 0.0 ,"n":1}"#,
            r#"{"temperature":-0,"n":null,"tools":[{"n":2,"temperature":1}]}"#,
            r#"{"temperature":0e3}"#,
        ] {
            assert!(is_deterministic(body.as_bytes()), "{body}");
        }
        for body in [
            "{}",
            r#"{"temperature":null}"#,
            r#"{"temperature":0.1}"#,
            r#"{"temperature":"0"}"#,
            r#"{"temperature":0,"n":2}"#,
            r#"{"temperature":0,"\u006e":2}"#,
            r#"{"temperature":1,"nested":{"temperature":0}}"#,
            r#"{"messages":[{"temperature":0}]}"#,
        ] {
            assert!(!is_deterministic(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn a_clients_wish_is_read_from_any_list_and_case() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            let wish = wish(&headers);
            (wish.no_cache, wish.no_store)
        };
        assert_eq!(read(&[]), (false, false));
        assert_eq!(read(&["no-cache"]), (true, false));
        assert_eq!(read(&["max-age=0, No-Store"]), (false, true));
        assert_eq!(read(&["private", "NO-CACHE ,no-store"]), (true, true));
        assert_eq!(read(&["no-cached, x-no-store, no-transform"]), (false, false));
    }
}
