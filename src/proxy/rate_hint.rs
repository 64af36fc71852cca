//! What vendors say of their own limits: how many requests and tokens they would still take.

use http::{HeaderMap, HeaderValue};

/// The requests and the tokens left, where the vendor says so. Of several the smallest counts.
pub(super) fn remaining(headers: &HeaderMap) -> (Option<u64>, Option<u64>) {
    let (mut requests, mut tokens) = (None, None);
    for (name, value) in headers {
        let least = match name.as_str() {
            "x-ratelimit-remaining-requests" | "anthropic-ratelimit-requests-remaining" => &mut requests,
            "x-ratelimit-remaining-tokens" | "anthropic-ratelimit-tokens-remaining" => &mut tokens,
            _ => continue,
        };
        *least = [*least, number(value)].into_iter().flatten().min();
    }
    (requests, tokens)
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
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
