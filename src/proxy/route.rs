//! From a path to what is asked. Everything OpenAI's API has is known by its first word; anything else is a 404.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use super::client_sdk;
use crate::chat::{ApiError, DialectId, ErrorKind, Fault};
use crate::dialect::embeddings::EmbeddingsId;
use crate::dialect::rerank::RerankId;
use crate::dialect::{Dialect, dialect};

/// What a request asks for. A deployment is the model's alias in an Azure-style path.
#[derive(Debug, PartialEq)]
pub(super) enum Route<'a> {
    /// A connectivity probe.
    Root,
    Chat {
        dialect: DialectId,
        address: Address<'a>,
    },
    CountTokens {
        dialect: DialectId,
        address: Address<'a>,
    },
    Embeddings {
        format: EmbeddingsId,
        address: Address<'a>,
    },
    Rerank(RerankId),
    Models,
    Model(Cow<'a, str>),
    /// What Ollama's clients ask before they chat: about a model, which models are in memory, and the server's version.
    Show,
    Running,
    Version,
    /// Passed on as it is; `path` is below `/v1`, with its leading slash.
    Pass {
        path: Cow<'a, str>,
        deployment: Option<Cow<'a, str>>,
    },
}

/// Where a request names its model and says whether it streams.
#[derive(Debug, PartialEq)]
pub(super) enum Address<'a> {
    /// In the body.
    Body,
    /// The model in the path, in place of the body's own (Azure's deployments).
    Deployment(Cow<'a, str>),
    /// Both in the path; the body says neither.
    Path { model: Cow<'a, str>, stream: bool },
}

impl<'a> Address<'a> {
    fn of(deployment: Option<Cow<'a, str>>) -> Self {
        deployment.map_or(Self::Body, Self::Deployment)
    }

    pub(super) fn into_owned(self) -> Address<'static> {
        match self {
            Self::Body => Address::Body,
            Self::Deployment(model) => Address::Deployment(Cow::Owned(model.into_owned())),
            Self::Path { model, stream } => Address::Path { model: Cow::Owned(model.into_owned()), stream },
        }
    }
}

/// The first words of the paths of OpenAI's API that are passed on.
const PASSED: [&str; 21] = [
    "assistants",
    "audio",
    "batches",
    "chat",
    "containers",
    "conversations",
    "evals",
    "files",
    "fine_tuning",
    "graders",
    "images",
    "moderations",
    "organization",
    "responses",
    "skills",
    "threads",
    "tokenize",
    "uploads",
    "vector_stores",
    "videos",
    "ocr",
];

impl Route<'_> {
    pub(super) fn into_owned(self) -> Route<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Root => Route::Root,
            Self::Chat { dialect, address } => Route::Chat { dialect, address: address.into_owned() },
            Self::CountTokens { dialect, address } => Route::CountTokens { dialect, address: address.into_owned() },
            Self::Embeddings { format, address } => Route::Embeddings { format, address: address.into_owned() },
            Self::Rerank(format) => Route::Rerank(format),
            Self::Models => Route::Models,
            Self::Model(id) => Route::Model(owned(id)),
            Self::Show => Route::Show,
            Self::Running => Route::Running,
            Self::Version => Route::Version,
            Self::Pass { path, deployment } => Route::Pass { path: owned(path), deployment: deployment.map(owned) },
        }
    }

    /// A word of a closed set, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Chat { dialect: id, .. } => dialect(*id).endpoint(),
            Self::CountTokens { .. } => "count_tokens",
            Self::Embeddings { .. } => "embeddings",
            Self::Rerank(_) => "rerank",
            Self::Models | Self::Model(_) | Self::Show | Self::Running => "models",
            Self::Version => "version",
            Self::Pass { path, .. } => first_word(path).unwrap_or("other"),
        }
    }
}

fn first_word(path: &str) -> Option<&'static str> {
    let word = path.trim_start_matches('/').split('/').next()?;
    PASSED.into_iter().find(|known| *known == word)
}

/// Where nearly all requests go.
const CHAT: &str = "/v1/chat/completions";

/// The dialect that an error at this path is told in.
pub(super) fn dialect_of(path: &str) -> DialectId {
    if path == CHAT {
        return DialectId::OpenAiChat;
    }
    const PREFIXES: [(&str, DialectId); 8] = [
        ("/v1/messages", DialectId::AnthropicMessages),
        ("/v1/responses", DialectId::OpenAiResponses),
        ("/v1beta/", DialectId::Gemini),
        ("/v1alpha/", DialectId::Gemini),
        ("/api/v1/", DialectId::DashScope),
        ("/api/", DialectId::Ollama),
        ("/v2/", DialectId::Cohere),
        ("/model/", DialectId::BedrockConverse),
    ];
    match PREFIXES.into_iter().find(|(prefix, _)| path.starts_with(prefix)) {
        Some((_, dialect)) => dialect,
        None if method_of_gemini(path).is_some() => DialectId::Gemini,
        None => DialectId::OpenAiChat,
    }
}

/// The dialect that models are listed in. Anthropic's and Cohere's path is OpenAI's, but their clients send a header.
pub(super) fn list_dialect<B>(request: &http::Request<B>) -> &'static dyn Dialect {
    dialect(match () {
        () if request.headers().contains_key("anthropic-version") => DialectId::AnthropicMessages,
        () if client_sdk::is_cohere(request.headers()) => DialectId::Cohere,
        () => dialect_of(request.uri().path()),
    })
}

/// The model and the method of Gemini's `/{version}/models/{model}:{method}`, where it is one of those.
fn method_of_gemini(path: &str) -> Option<(&str, &str)> {
    let (model, method) = below_version(path)?.strip_prefix("/models/")?.rsplit_once(':')?;
    let known = matches!(method, "generateContent" | "streamGenerateContent" | "countTokens" | "embedContent" | "batchEmbedContents");
    (known && !model.is_empty()).then_some((model, method))
}

/// The path below a version of Gemini's API.
fn below_version(path: &str) -> Option<&str> {
    ["/v1beta", "/v1alpha", "/v1"].into_iter().find_map(|version| path.strip_prefix(version).filter(|rest| rest.starts_with('/')))
}

/// The model and the operation of Bedrock's `/model/{model}/{operation}`, where it is one of those. An ARN has slashes of its own.
fn operation_of_bedrock(path: &str) -> Option<(&str, &str)> {
    let (model, operation) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    let known = matches!(operation, "converse" | "converse-stream" | "count-tokens");
    (known && !model.is_empty()).then_some((model, operation))
}

/// The formats of embeddings whose paths are their own.
fn embeddings_of(path: &str) -> Option<EmbeddingsId> {
    Some(match path {
        "/api/embed" => EmbeddingsId::Ollama,
        "/api/embeddings" => EmbeddingsId::OllamaPrompt,
        "/v2/embed" => EmbeddingsId::Cohere,
        "/api/v1/services/embeddings/text-embedding/text-embedding" => EmbeddingsId::Dashscope,
        _ => return None,
    })
}

/// The routes outside of OpenAI's paths.
fn find_other(path: &str) -> Option<Route<'_>> {
    match path {
        "/api/chat" => return Some(Route::Chat { dialect: DialectId::Ollama, address: Address::Body }),
        "/api/generate" => return Some(Route::Chat { dialect: DialectId::OllamaGenerate, address: Address::Body }),
        "/v2/chat" => return Some(Route::Chat { dialect: DialectId::Cohere, address: Address::Body }),
        "/api/tags" => return Some(Route::Models),
        "/api/show" => return Some(Route::Show),
        "/api/ps" => return Some(Route::Running),
        "/api/version" => return Some(Route::Version),
        "/v2/rerank" => return Some(Route::Rerank(RerankId::Cohere)),
        "/api/v1/services/rerank/text-rerank/text-rerank" => return Some(Route::Rerank(RerankId::Dashscope)),
        "/api/v1/services/aigc/text-generation/generation" | "/api/v1/services/aigc/multimodal-generation/generation" => {
            return Some(Route::Chat { dialect: DialectId::DashScope, address: Address::Body });
        }
        _ => {}
    }
    let named = |name| percent_decode_str(name).decode_utf8_lossy();
    if let Some((model, method)) = method_of_gemini(path) {
        let address = Address::Path { model: named(model), stream: method == "streamGenerateContent" };
        let dialect = DialectId::Gemini;
        return Some(match method {
            "countTokens" => Route::CountTokens { dialect, address },
            "embedContent" => Route::Embeddings { format: EmbeddingsId::Gemini, address },
            "batchEmbedContents" => Route::Embeddings { format: EmbeddingsId::GeminiBatch, address },
            _ => Route::Chat { dialect, address },
        });
    }
    if let Some(format) = embeddings_of(path) {
        return Some(Route::Embeddings { format, address: Address::Body });
    }
    if let Some((model, operation)) = operation_of_bedrock(path) {
        let address = Address::Path { model: named(model), stream: operation == "converse-stream" };
        let dialect = DialectId::BedrockConverse;
        return Some(if operation == "count-tokens" { Route::CountTokens { dialect, address } } else { Route::Chat { dialect, address } });
    }
    match below_version(path).filter(|_| !path.starts_with("/v1/"))? {
        "/models" => Some(Route::Models),
        below => below.strip_prefix("/models/").filter(|id| !id.is_empty() && !id.contains(':')).map(|id| Route::Model(named(id))),
    }
}

/// The route of a path, or why there is none.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, ApiError> {
    if path == CHAT && method == Method::POST {
        return Ok(Route::Chat { dialect: DialectId::OpenAiChat, address: Address::Body });
    }
    // TRACE would repeat what was sent, keys included, and makes no sense at the end of a way.
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(not_supported("CONNECT and TRACE are not supported"));
    }
    if !is_safe(path) {
        return Err(ApiError::new(
            400,
            ErrorKind::InvalidRequest,
            Fault::Client,
            "bad_path",
            "the path has segments or escapes that are not taken",
        ));
    }
    if let Some(route) = find_other(path) {
        check_method(method, &route)?;
        return Ok(route);
    }
    let (below, deployment) = match path {
        "/" => return Ok(Route::Root),
        _ => strip(path).ok_or_else(|| unknown(method, path))?,
    };
    let route = match below {
        "/chat/completions" => Route::Chat { dialect: DialectId::OpenAiChat, address: Address::of(deployment) },
        "/completions" => Route::Chat { dialect: DialectId::OpenAiCompletions, address: Address::of(deployment) },
        "/responses" => Route::Chat { dialect: DialectId::OpenAiResponses, address: Address::of(deployment) },
        "/messages" => Route::Chat { dialect: DialectId::AnthropicMessages, address: Address::Body },
        "/messages/count_tokens" => Route::CountTokens { dialect: DialectId::AnthropicMessages, address: Address::Body },
        "/embeddings" => Route::Embeddings { format: EmbeddingsId::Openai, address: Address::of(deployment) },
        "/rerank" => Route::Rerank(RerankId::Jina),
        "/models" => Route::Models,
        _ => match below.strip_prefix("/models/") {
            Some(id) if !id.is_empty() => Route::Model(percent_decode_str(id).decode_utf8_lossy()),
            _ if first_word(below).is_some() => Route::Pass { path: Cow::Borrowed(below), deployment },
            _ => return Err(unknown(method, path)),
        },
    };
    check_method(method, &route)?;
    Ok(route)
}

/// The path below `/v1` and the deployment, of OpenAI's and Azure's forms.
fn strip(path: &str) -> Option<(&str, Option<Cow<'_, str>>)> {
    if let Some(rest) = path.strip_prefix("/openai/deployments/") {
        let (deployment, _) = rest.split_once('/')?;
        let below = rest.get(deployment.len()..)?;
        return (!deployment.is_empty()).then(|| (below, Some(percent_decode_str(deployment).decode_utf8_lossy())));
    }
    let below = path.strip_prefix("/openai/v1").or_else(|| path.strip_prefix("/v1")).or_else(|| path.strip_prefix("/openai"))?;
    below.starts_with('/').then_some((below, None))
}

/// The methods a path takes, for the `Allow` header.
pub(super) fn allow(path: &str) -> Option<&'static str> {
    match find_other(path) {
        Some(Route::Chat { .. } | Route::CountTokens { .. } | Route::Embeddings { .. } | Route::Rerank(_) | Route::Show) => {
            return Some("POST");
        }
        Some(_) => return Some("GET, HEAD"),
        None => {}
    }
    let (below, _) = strip(path)?;
    Some(match below {
        "/chat/completions" | "/completions" | "/responses" | "/messages" | "/messages/count_tokens" | "/embeddings" | "/rerank" => "POST",
        "/models" => "GET, HEAD",
        _ => "GET, HEAD, POST, DELETE, PUT, PATCH",
    })
}

fn check_method(method: &Method, route: &Route<'_>) -> Result<(), ApiError> {
    let allowed = match route {
        Route::Chat { .. } | Route::CountTokens { .. } | Route::Embeddings { .. } | Route::Rerank(_) | Route::Show => {
            *method == Method::POST
        }
        Route::Models | Route::Root | Route::Model(_) | Route::Running | Route::Version => matches!(*method, Method::GET | Method::HEAD),
        Route::Pass { .. } => {
            matches!(*method, Method::GET | Method::HEAD | Method::POST | Method::DELETE | Method::PUT | Method::PATCH)
        }
    };
    if allowed {
        return Ok(());
    }
    let message = format!("{method} is not allowed at this path");
    Err(ApiError::new(405, ErrorKind::InvalidRequest, Fault::Client, "method_not_allowed", message))
}

fn not_supported(message: &str) -> ApiError {
    ApiError::new(405, ErrorKind::InvalidRequest, Fault::Client, "method_not_supported", message)
}

fn unknown(method: &Method, path: &str) -> ApiError {
    let shown: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
    ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "unknown_url", format!("Invalid URL ({method} {shown})"))
}

/// No dot segments, empty segments, parameters, backslashes or control characters, as written or after one or two rounds of decoding.
fn is_safe(path: &str) -> bool {
    let once = percent_decode_str(path).collect::<Vec<u8>>();
    if once.len() == path.len() {
        return is_plain(path.as_bytes());
    }
    let twice = percent_encoding::percent_decode(&once).collect::<Vec<u8>>();
    // An escaped slash is part of a model's name in `/v1/models/{id}` and `/model/{id}/converse`, and of a deployment's.
    let slash_may_hide = ["/models/", "/deployments/", "/model/"].iter().any(|before| path.contains(before));
    let hides_slash = once.iter().filter(|b| **b == b'/').count() != path.bytes().filter(|b| *b == b'/').count();
    is_plain(path.as_bytes()) && is_plain(&once) && is_plain(&twice) && (slash_may_hide || !hides_slash)
}

fn is_plain(path: &[u8]) -> bool {
    !path.iter().any(|b| b.is_ascii_control() || matches!(b, b'\\' | b';'))
        && path
            .split(|b| *b == b'/')
            .skip(1)
            .enumerate()
            .all(|(at, segment)| segment != b"." && segment != b".." && (!segment.is_empty() || at == 0 && path == b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_azure_and_anthropic_paths_are_found() {
        let chat = |deployment: Option<&str>| Route::Chat {
            dialect: DialectId::OpenAiChat,
            address: Address::of(deployment.map(|d| Cow::Owned(d.to_owned()))),
        };
        let post = Method::POST;
        assert_eq!(find(&post, "/v1/chat/completions").unwrap(), chat(None));
        assert_eq!(find(&post, "/openai/v1/chat/completions").unwrap(), chat(None));
        assert_eq!(find(&post, "/openai/deployments/gpt%2D4o/chat/completions").unwrap(), chat(Some("gpt-4o")));
        let completions = |address| Route::Chat { dialect: DialectId::OpenAiCompletions, address };
        assert_eq!(find(&post, "/v1/completions").unwrap(), completions(Address::Body));
        assert_eq!(find(&post, "/openai/deployments/gpt/completions").unwrap(), completions(Address::of(Some("gpt".into()))));
        let (dialect, address) = (DialectId::AnthropicMessages, || Address::Body);
        assert_eq!(find(&post, "/v1/messages").unwrap(), Route::Chat { dialect, address: address() });
        assert_eq!(find(&post, "/v1/messages/count_tokens").unwrap(), Route::CountTokens { dialect, address: address() });
        assert_eq!(find(&Method::GET, "/v1/models/claude%2Fopus").unwrap(), Route::Model("claude/opus".into()));
        assert_eq!(find(&post, "/v1/audio/speech").unwrap(), Route::Pass { path: "/audio/speech".into(), deployment: None });
        assert_eq!(find(&post, "/openai/files").unwrap(), Route::Pass { path: "/files".into(), deployment: None });
    }

    #[test]
    fn other_apis_paths_are_found() {
        let route = |method: &Method, path| find(method, path).unwrap();
        let chat = |model: &'static str, stream| Route::Chat {
            dialect: DialectId::Gemini,
            address: Address::Path { model: model.into(), stream },
        };
        let post = Method::POST;
        assert_eq!(route(&post, "/v1beta/models/fast:generateContent"), chat("fast", false));
        assert_eq!(route(&post, "/v1/models/ollama/qwen3:8b:streamGenerateContent"), chat("ollama/qwen3:8b", true));
        assert_eq!(route(&post, "/v1beta/models/a%2Fb:generateContent"), chat("a/b", false));
        assert!(matches!(route(&post, "/v1alpha/models/fast:countTokens"), Route::CountTokens { dialect: DialectId::Gemini, .. }));
        assert_eq!(route(&Method::GET, "/v1beta/models"), Route::Models);
        assert_eq!(route(&Method::GET, "/v1beta/models/fast"), Route::Model("fast".into()));
        for path in ["/v1beta/models/fast:predict", "/v1beta/models/:generateContent", "/v1beta/chat/completions", "/v1betax"] {
            assert_eq!(find(&post, path).unwrap_err().code.as_deref(), Some("unknown_url"), "{path}");
        }
        assert_eq!(route(&post, "/api/chat"), Route::Chat { dialect: DialectId::Ollama, address: Address::Body });
        assert_eq!(route(&post, "/api/generate"), Route::Chat { dialect: DialectId::OllamaGenerate, address: Address::Body });
        assert_eq!((route(&post, "/api/show"), route(&Method::GET, "/api/version")), (Route::Show, Route::Version));
        assert_eq!(
            (find(&Method::GET, "/api/show").unwrap_err().status, allow("/api/show"), allow("/api/ps")),
            (405, Some("POST"), Some("GET, HEAD"))
        );
        let generation = "/api/v1/services/aigc/multimodal-generation/generation";
        assert_eq!(route(&post, generation), Route::Chat { dialect: DialectId::DashScope, address: Address::Body });
        assert_eq!((dialect_of("/api/v1/x"), allow(generation)), (DialectId::DashScope, Some("POST")));
        assert_eq!((route(&Method::GET, "/api/tags"), dialect_of("/api/x")), (Route::Models, DialectId::Ollama));
        assert_eq!(route(&post, "/v2/chat"), Route::Chat { dialect: DialectId::Cohere, address: Address::Body });
        assert_eq!((dialect_of("/v2/x"), allow("/v2/chat")), (DialectId::Cohere, Some("POST")));
        let converse = |model: &'static str, stream| Route::Chat {
            dialect: DialectId::BedrockConverse,
            address: Address::Path { model: model.into(), stream },
        };
        assert_eq!(route(&post, "/model/us.amazon.nova-micro-v1%3A0/converse"), converse("us.amazon.nova-micro-v1:0", false));
        let arn = "arn:aws:bedrock:us-east-1:0:inference-profile/us.x-v1:0";
        for path in
            [format!("/model/{arn}/converse-stream"), format!("/model/{}/converse-stream", arn.replace(':', "%3A").replace('/', "%2F"))]
        {
            assert_eq!(find(&post, &path).unwrap(), converse(arn, true), "{path}");
        }
        assert!(matches!(route(&post, "/model/fast/count-tokens"), Route::CountTokens { dialect: DialectId::BedrockConverse, .. }));
        for path in ["/model/fast/invoke", "/model/converse", "/model//converse", "/model/a%2F..%2Fb/converse"] {
            assert!(find(&post, path).is_err() && dialect_of(path) == DialectId::BedrockConverse, "{path}");
        }
        assert_eq!(find(&Method::GET, "/v1beta/models/fast:generateContent").unwrap_err().status, 405);
        assert_eq!((dialect_of("/v1beta/x"), allow("/v1beta/models/fast:countTokens")), (DialectId::Gemini, Some("POST")));
    }

    #[test]
    fn embeddings_and_rerank_are_found_in_every_format() {
        let body = || Address::Body;
        let path = || Address::Path { model: "a/b".into(), stream: false };
        for (at, format, address) in [
            ("/v1/embeddings", EmbeddingsId::Openai, body()),
            ("/openai/deployments/a%2Fb/embeddings", EmbeddingsId::Openai, Address::Deployment("a/b".into())),
            ("/v1beta/models/a/b:embedContent", EmbeddingsId::Gemini, path()),
            ("/v1/models/a%2Fb:batchEmbedContents", EmbeddingsId::GeminiBatch, path()),
            ("/v2/embed", EmbeddingsId::Cohere, body()),
            ("/api/embed", EmbeddingsId::Ollama, body()),
            ("/api/embeddings", EmbeddingsId::OllamaPrompt, body()),
            ("/api/v1/services/embeddings/text-embedding/text-embedding", EmbeddingsId::Dashscope, body()),
        ] {
            let route = find(&Method::POST, at).unwrap();
            assert_eq!((&route, route.name(), allow(at)), (&Route::Embeddings { format, address }, "embeddings", Some("POST")), "{at}");
            assert_eq!(find(&Method::GET, at).unwrap_err().status, 405);
        }
        for (at, format) in [
            ("/v1/rerank", RerankId::Jina),
            ("/v2/rerank", RerankId::Cohere),
            ("/api/v1/services/rerank/text-rerank/text-rerank", RerankId::Dashscope),
        ] {
            assert_eq!((find(&Method::POST, at).unwrap(), allow(at)), (Route::Rerank(format), Some("POST")), "{at}");
            assert_eq!(find(&Method::GET, at).unwrap_err().status, 405);
        }
    }

    #[test]
    fn what_is_not_of_the_api_is_refused() {
        let code = |method: &Method, path: &str| find(method, path).unwrap_err().code.unwrap().into_owned();
        assert_eq!(code(&Method::POST, "/v1/nope"), "unknown_url");
        assert_eq!(code(&Method::GET, "/v1/chat/completions"), "method_not_allowed");
        for path in [
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/%252e%252e/admin",
            "/v1//files",
            "/v1/files;a",
            "/v1/files%2f..",
            "/v1/files%5cx",
            "/v1/a%00",
            "/v1/files/%2e",
        ] {
            assert_eq!(code(&Method::GET, path), "bad_path", "{path}");
        }
    }
}
