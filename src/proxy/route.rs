//! From a path to what is asked. Everything OpenAI's API has is known by its first word; anything else is a 404.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::chat::{ApiError, DialectId, ErrorKind, Fault};
use crate::dialect::dialect;

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
    Models,
    Model(Cow<'a, str>),
    /// Passed on as it is; `path` is below `/v1`, with its leading slash.
    Pass {
        path: Cow<'a, str>,
        deployment: Option<Cow<'a, str>>,
    },
}

/// Where a chat request names its model and says whether it streams.
#[derive(Debug, PartialEq)]
pub(super) enum Address<'a> {
    /// In the body.
    Body,
    /// The model in the path, in place of the body's own (Azure's deployments).
    Deployment(Cow<'a, str>),
}

impl<'a> Address<'a> {
    fn of(deployment: Option<Cow<'a, str>>) -> Self {
        deployment.map_or(Self::Body, Self::Deployment)
    }

    pub(super) fn into_owned(self) -> Address<'static> {
        match self {
            Self::Body => Address::Body,
            Self::Deployment(model) => Address::Deployment(Cow::Owned(model.into_owned())),
        }
    }
}

/// The first words of the paths of OpenAI's API that are passed on, and `rerank`, which several vendors add to it.
const PASSED: [&str; 24] = [
    "assistants",
    "audio",
    "batches",
    "chat",
    "completions",
    "containers",
    "conversations",
    "embeddings",
    "evals",
    "files",
    "fine_tuning",
    "graders",
    "images",
    "moderations",
    "organization",
    "rerank",
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
    /// A word of a closed set, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Chat { dialect: id, .. } => dialect(*id).endpoint(),
            Self::CountTokens { .. } => "count_tokens",
            Self::Models | Self::Model(_) => "models",
            Self::Pass { path, .. } => first_word(path).unwrap_or("other"),
        }
    }
}

fn first_word(path: &str) -> Option<&'static str> {
    let word = path.trim_start_matches('/').split('/').next()?;
    PASSED.into_iter().find(|known| *known == word)
}

/// The dialect that an error at this path is told in.
pub(super) fn dialect_of(path: &str) -> DialectId {
    if path.starts_with("/v1/messages") { DialectId::AnthropicMessages } else { DialectId::OpenAiChat }
}

/// The route of a path, or why there is none.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Result<Route<'a>, ApiError> {
    if method == Method::CONNECT {
        return Err(not_supported("CONNECT is not supported"));
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
    let (below, deployment) = match path {
        "/" => return Ok(Route::Root),
        _ => strip(path).ok_or_else(|| unknown(method, path))?,
    };
    let route = match below {
        "/chat/completions" => Route::Chat { dialect: DialectId::OpenAiChat, address: Address::of(deployment) },
        "/messages" => Route::Chat { dialect: DialectId::AnthropicMessages, address: Address::Body },
        "/messages/count_tokens" => Route::CountTokens { dialect: DialectId::AnthropicMessages, address: Address::Body },
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
    let (below, _) = strip(path)?;
    Some(match below {
        "/chat/completions" | "/messages" | "/messages/count_tokens" => "POST",
        "/models" => "GET, HEAD",
        _ => "GET, HEAD, POST, DELETE, PUT, PATCH",
    })
}

fn check_method(method: &Method, route: &Route<'_>) -> Result<(), ApiError> {
    let allowed = match route {
        Route::Chat { .. } | Route::CountTokens { .. } => *method == Method::POST,
        Route::Models | Route::Root | Route::Model(_) => matches!(*method, Method::GET | Method::HEAD),
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
    // An escaped slash is part of a model's name in `/v1/models/{id}` and of a deployment's.
    let slash_may_hide = path.contains("/models/") || path.contains("/deployments/");
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
        let (dialect, address) = (DialectId::AnthropicMessages, || Address::Body);
        assert_eq!(find(&post, "/v1/messages").unwrap(), Route::Chat { dialect, address: address() });
        assert_eq!(find(&post, "/v1/messages/count_tokens").unwrap(), Route::CountTokens { dialect, address: address() });
        assert_eq!(find(&Method::GET, "/v1/models/claude%2Fopus").unwrap(), Route::Model("claude/opus".into()));
        assert_eq!(find(&post, "/v1/audio/speech").unwrap(), Route::Pass { path: "/audio/speech".into(), deployment: None });
        assert_eq!(find(&post, "/openai/files").unwrap(), Route::Pass { path: "/files".into(), deployment: None });
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
