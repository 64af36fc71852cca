//! SDKs that are known by their headers, where the path alone does not tell what they want.

use http::HeaderMap;
use http::header::USER_AGENT;

/// Mistral's SDK speaks OpenAI's dialect, but takes a streamed tool call in one piece only and expects the usage unasked.
pub(super) fn is_mistral(headers: &HeaderMap) -> bool {
    headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .is_some_and(|agent| agent.starts_with("mistral-client-") || agent.contains("mistralai"))
}

/// Cohere's SDK lists models at OpenAI's path, in a shape of its own.
pub(super) fn is_cohere(headers: &HeaderMap) -> bool {
    headers.get("x-fern-sdk-name").is_some_and(|name| name.as_bytes().starts_with(b"cohere"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn mistrals_sdks_are_known_by_their_agent() {
        let from = |agent| HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
        assert!(is_mistral(&from("mistral-client-python/3.7.0")));
        assert!(is_mistral(&from("speakeasy-sdk/typescript 2.1.0 2.900.0 1.0.0 @mistralai/mistralai")));
        assert!(!is_mistral(&from("OpenAI/Python 3.54.0")) && !is_mistral(&HeaderMap::new()));
    }

    #[test]
    fn coheres_sdks_are_known_by_their_name() {
        let from = |name| HeaderMap::from_iter([(http::HeaderName::from_static("x-fern-sdk-name"), HeaderValue::from_static(name))]);
        assert!(is_cohere(&from("cohere")) && is_cohere(&from("cohere-ai")));
        assert!(!is_cohere(&from("other")) && !is_cohere(&HeaderMap::new()));
    }
}
