//! What vendors say of their own limits: how many requests and tokens they would still take.

use http::{HeaderMap, HeaderName};

/// Headers that name the requests left, and those that name the tokens left. Of several the smallest counts.
static REQUESTS: [HeaderName; 2] =
    [HeaderName::from_static("x-ratelimit-remaining-requests"), HeaderName::from_static("anthropic-ratelimit-requests-remaining")];
static TOKENS: [HeaderName; 2] =
    [HeaderName::from_static("x-ratelimit-remaining-tokens"), HeaderName::from_static("anthropic-ratelimit-tokens-remaining")];

/// The requests and the tokens left, where the vendor says so.
pub(super) fn remaining(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    (least(headers, &REQUESTS), least(headers, &TOKENS))
}

fn least(headers: &HeaderMap, names: &[HeaderName]) -> Option<u64> {
    names.iter().filter_map(|name| headers.get(name)?.to_str().ok()?.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn both_vendors_words_are_understood_and_nonsense_is_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(remaining(&headers), (None, None));
        headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static(" 12"));
        headers.insert("anthropic-ratelimit-tokens-remaining", HeaderValue::from_static("4000"));
        assert_eq!(remaining(&headers), (Some(12), Some(4000)));
        for nonsense in ["-1", "many", "1e3", ""] {
            headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static(nonsense));
            assert_eq!(remaining(&headers).0, None, "{nonsense}");
        }
    }
}
