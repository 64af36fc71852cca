//! Where a vendor keeps its endpoints, given the base URL that the vendor's own SDK takes.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// How a vendor lays out its paths under the base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `{base}/chat/completions`
    Openai,
    /// `{base}/v1/messages`; a base URL that ends in `/v1` is taken too.
    Anthropic,
    /// `{base}/openai/deployments/{deployment}/chat/completions?api-version=…`, or `{base}/openai/v1/chat/completions`
    /// where no API version is given.
    Azure,
    /// `{base}/v1beta/models/{model}:generateContent`; a base URL that ends in a version is taken too.
    Gemini,
    /// `{base}/api/chat`, and OpenAI's API below `{base}/v1`; a base URL that ends in `/v1` or `/api` is taken too.
    Ollama,
    /// `{base}/v2/chat` and `{base}/v1/models`; a base URL that ends in either version is taken too.
    Cohere,
    /// As `openai`, under `{base}/v1` where the base URL has no path of its own.
    OpenaiV1,
    /// `{base}/services/...`, where the base URL ends in `/api/v1`, and OpenAI's API where it ends in `/compatible-mode/v1`; either
    /// end is taken for either.
    Dashscope,
    /// As `openai`, with chat at `{base}/chat`.
    Writer,
    /// `{base}/model/{model}/converse`. Models are listed elsewhere, by another API.
    Bedrock,
    /// `{base}/v1/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent`, or without project
    /// and location where there is none; a base URL that ends in a version is taken too.
    Vertex,
}

/// What a provider's own settings add to its paths.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    None,
    /// The API's version, and the deployment of each model.
    Azure(&'a str, &'a BTreeMap<String, String>),
    /// A project and its location.
    Google(&'a str, &'a str),
}

/// What is asked of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// The chat endpoint, by its dialect's path below the API's root, with its leading slash and the query it needs.
    Chat(&'a str),
    Models,
    /// Any other path below the API's root, with its leading slash: `/embeddings`, `/files/abc`.
    Other(&'a str),
}

/// Everything but these is escaped in a path segment.
pub const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The path and query of an endpoint. `base` is the base URL's path without a trailing slash; `query` is the client's own.
pub fn path(layout: Layout, base: &str, endpoint: Endpoint<'_>, place: Place<'_>, model: &str, query: Option<&str>) -> String {
    let suffix = match endpoint {
        // Unasked, only a few are told at once.
        Endpoint::Models if layout == Layout::Gemini => "/models?pageSize=1000",
        Endpoint::Models if layout == Layout::Anthropic => "/models?limit=1000",
        Endpoint::Models if layout == Layout::Ollama => "/api/tags",
        // Unasked, only twenty are told.
        Endpoint::Models if layout == Layout::Cohere => "/v1/models?page_size=1000",
        Endpoint::Models if layout == Layout::Vertex => "/publishers/google/models?pageSize=1000",
        Endpoint::Models => "/models",
        Endpoint::Chat(path) | Endpoint::Other(path) => path,
    };
    let mut path = match layout {
        Layout::Writer if matches!(endpoint, Endpoint::Chat(_)) => format!("{base}/chat"),
        Layout::Openai | Layout::Writer | Layout::Bedrock => format!("{base}{suffix}"),
        Layout::OpenaiV1 if base.is_empty() => format!("/v1{suffix}"),
        Layout::OpenaiV1 => format!("{base}{suffix}"),
        Layout::Anthropic => format!("{}/v1{suffix}", base.strip_suffix("/v1").unwrap_or(base)),
        Layout::Gemini if base.ends_with("/v1") || base.ends_with("/v1beta") => format!("{base}{suffix}"),
        Layout::Gemini => format!("{base}/v1beta{suffix}"),
        Layout::Cohere => {
            let root = base.strip_suffix("/v2").or_else(|| base.strip_suffix("/v1")).unwrap_or(base);
            format!("{root}{suffix}")
        }
        Layout::Ollama => {
            let root = base.strip_suffix("/v1").or_else(|| base.strip_suffix("/api")).unwrap_or(base);
            let version = if suffix.starts_with("/api/") { "" } else { "/v1" };
            format!("{root}{version}{suffix}")
        }
        Layout::Dashscope => {
            let (own, other) = match suffix.starts_with("/services/") {
                true => ("/api/v1", "/compatible-mode/v1"),
                false => ("/compatible-mode/v1", "/api/v1"),
            };
            match base.strip_suffix(other).or_else(|| Some(base).filter(|base| base.is_empty())) {
                Some(root) => format!("{root}{own}{suffix}"),
                None => format!("{base}{suffix}"),
            }
        }
        Layout::Vertex => {
            let (root, version) = ["/v1", "/v1beta1"].iter().find_map(|v| Some((base.strip_suffix(v)?, *v))).unwrap_or((base, "/v1"));
            let publisher = if suffix.starts_with("/publishers/") { "" } else { "/publishers/google" };
            match place {
                // Only this version lists them, and they are the same everywhere.
                _ if endpoint == Endpoint::Models => format!("{root}/v1beta1{suffix}"),
                Place::Google(project, location) => {
                    format!("{root}{version}/projects/{project}/locations/{location}{publisher}{suffix}")
                }
                _ => format!("{root}{version}{publisher}{suffix}"),
            }
        }
        Layout::Azure => match place {
            Place::Azure(_, deployments) if is_deployment_endpoint(suffix) => {
                let deployment = deployments.get(model).map_or(model, String::as_str);
                format!("{base}/openai/deployments/{}{suffix}", utf8_percent_encode(deployment, SEGMENT))
            }
            Place::Azure(..) => format!("{base}/openai{suffix}"),
            _ if base.ends_with("/openai/v1") => format!("{base}{suffix}"),
            _ => format!("{base}/openai/v1{suffix}"),
        },
    };
    let mut separator = if suffix.contains('?') { '&' } else { '?' };
    let mut add = |pair: &str| {
        if !pair.is_empty() {
            path.push(separator);
            path.push_str(pair);
            separator = '&';
        }
    };
    if let (Layout::Azure, Place::Azure(version, _)) = (layout, place) {
        add(&format!("api-version={}", utf8_percent_encode(version, SEGMENT)));
        let others = query.unwrap_or_default().split('&').filter(|pair| !pair.starts_with("api-version="));
        others.for_each(add);
    } else {
        add(query.unwrap_or_default());
    }
    path
}

/// Azure names the deployment in the path of these endpoints and in the body of all others.
fn is_deployment_endpoint(suffix: &str) -> bool {
    ["/chat/completions", "/completions", "/embeddings", "/audio/", "/images/"].iter().any(|known| suffix.starts_with(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_finds_its_endpoints() {
        const CHAT: Endpoint<'_> = Endpoint::Chat("/chat/completions");
        let none = BTreeMap::new();
        let deployments = BTreeMap::from([("gpt-4o".to_owned(), "my gpt/4".to_owned())]);
        let dated = Some(("2024-10-21", &deployments));
        for (layout, base, endpoint, azure, query, expected) in [
            (Layout::Openai, "/v1", CHAT, None, None, "/v1/chat/completions"),
            (Layout::Openai, "", CHAT, None, None, "/chat/completions"),
            (Layout::Openai, "/v1", Endpoint::Other("/files"), None, Some("limit=2"), "/v1/files?limit=2"),
            (Layout::OpenaiV1, "", CHAT, None, None, "/v1/chat/completions"),
            (Layout::OpenaiV1, "/api/v1", Endpoint::Models, None, None, "/api/v1/models"),
            (Layout::Bedrock, "", Endpoint::Chat("/model/a%3A0/converse"), None, None, "/model/a%3A0/converse"),
            (Layout::Writer, "/v1", CHAT, None, None, "/v1/chat"),
            (Layout::Writer, "/v1", Endpoint::Models, None, None, "/v1/models"),
            (Layout::Ollama, "/v1", Endpoint::Chat("/api/chat"), None, None, "/api/chat"),
            (Layout::Ollama, "/x", Endpoint::Models, None, None, "/x/api/tags"),
            (Layout::Ollama, "", Endpoint::Other("/embeddings"), None, None, "/v1/embeddings"),
            (Layout::Cohere, "", Endpoint::Chat("/v2/chat"), None, None, "/v2/chat"),
            (Layout::Cohere, "/x/v2", Endpoint::Chat("/v2/chat"), None, None, "/x/v2/chat"),
            (Layout::Cohere, "/v1", Endpoint::Models, None, None, "/v1/models?page_size=1000"),
            (Layout::Dashscope, "/compatible-mode/v1", CHAT, None, None, "/compatible-mode/v1/chat/completions"),
            (Layout::Dashscope, "/compatible-mode/v1", Endpoint::Chat("/services/x"), None, None, "/api/v1/services/x"),
            (Layout::Dashscope, "/p/api/v1", Endpoint::Chat("/services/x"), None, None, "/p/api/v1/services/x"),
            (Layout::Dashscope, "/p/api/v1", Endpoint::Models, None, None, "/p/compatible-mode/v1/models"),
            (Layout::Dashscope, "", Endpoint::Chat("/services/x"), None, None, "/api/v1/services/x"),
            (Layout::Dashscope, "/own/v1", CHAT, None, None, "/own/v1/chat/completions"),
            (Layout::Gemini, "", Endpoint::Models, None, None, "/v1beta/models?pageSize=1000"),
            (Layout::Gemini, "", Endpoint::Models, None, Some("pageToken=x"), "/v1beta/models?pageSize=1000&pageToken=x"),
            (Layout::Anthropic, "", Endpoint::Models, None, None, "/v1/models?limit=1000"),
            (Layout::Gemini, "/v1", Endpoint::Chat("/models/m:x?alt=sse"), None, Some("a=b"), "/v1/models/m:x?alt=sse&a=b"),
            (Layout::Anthropic, "", Endpoint::Chat("/messages"), None, Some("beta=true"), "/v1/messages?beta=true"),
            (Layout::Anthropic, "/v1", Endpoint::Other("/messages/count_tokens"), None, None, "/v1/messages/count_tokens"),
            (
                Layout::Azure,
                "",
                CHAT,
                dated,
                Some("api-version=x&a=b"),
                "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21&a=b",
            ),
            (Layout::Azure, "", Endpoint::Models, Some(("v", &none)), None, "/openai/models?api-version=v"),
            (Layout::Azure, "", CHAT, None, None, "/openai/v1/chat/completions"),
            (Layout::Azure, "/openai/v1", CHAT, None, None, "/openai/v1/chat/completions"),
        ] {
            let place = azure.map_or(Place::None, |(version, deployments)| Place::Azure(version, deployments));
            assert_eq!(path(layout, base, endpoint, place, "gpt-4o", query), expected);
        }
    }

    #[test]
    fn vertex_is_asked_in_a_project_or_without() {
        const GENERATE: Endpoint<'_> = Endpoint::Chat("/models/g:streamGenerateContent?alt=sse");
        const PREDICT: Endpoint<'_> = Endpoint::Chat("/publishers/anthropic/models/c:rawPredict");
        let at = |base, endpoint, place, query| path(Layout::Vertex, base, endpoint, place, "m", query);
        let (place, root) = (Place::Google("p", "eu"), "projects/p/locations/eu/publishers");
        assert_eq!(at("", GENERATE, place, Some("a=b")), format!("/v1/{root}/google/models/g:streamGenerateContent?alt=sse&a=b"));
        assert_eq!(at("/v1beta1", PREDICT, place, None), format!("/v1beta1/{root}/anthropic/models/c:rawPredict"));
        assert_eq!(at("/x", GENERATE, Place::None, None), "/x/v1/publishers/google/models/g:streamGenerateContent?alt=sse");
        assert_eq!(at("/x/v1", Endpoint::Models, place, None), "/x/v1beta1/publishers/google/models?pageSize=1000");
    }
}
