//! Which path is answered by whom, and what every answer has in common: the key, the status and the delay on demand.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use super::body::{self, Body, Frames};
use super::directives::Directives;
use super::fault::Fault;
use super::fields::object;
use super::serve::Simulator;
use super::socket::Reset;
use super::{audio, chat, embeddings, files, manners, models, moderations, rerank};
use crate::base::id;
use crate::chat::{ApiError, DialectId, ErrorKind, Fault as AtFault};
use crate::dialect::dialect;
use crate::dialect::embeddings::{EmbeddingsId, embeddings as embeddings_format};
use crate::dialect::rerank::{RerankId, rerank as rerank_format};

/// The largest body that is read whole. Uploads are not.
const MAX_BODY: usize = 64 << 20;

/// Who answers a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    Chat(DialectId),
    CountTokens(DialectId),
    Embeddings(EmbeddingsId),
    Rerank(RerankId),
    Moderations,
    Models,
    Model(String),
    Files,
    FileContent(String),
    Speech,
    Transcriptions,
}

/// An answer before status, delay and fault are applied to it.
pub(super) enum Answer {
    Whole { content_type: &'static str, bytes: Bytes },
    Stream { content_type: &'static str, frames: Frames },
}

impl Answer {
    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::Whole { content_type: "application/json", bytes: Bytes::from(value.to_string()) }
    }
}

/// What a path says beside its route.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The model (Azure's deployments, Gemini's and Bedrock's paths).
    pub(super) model: Option<String>,
    /// Whether the answer streams (Gemini's and Bedrock's paths).
    pub(super) stream: Option<bool>,
}

/// A request as the endpoints see it.
pub(super) struct Call {
    pub(super) named: Named,
    pub(super) body: Bytes,
}

impl Call {
    /// The model, by the path or the body.
    pub(super) fn model(&self) -> Result<String, ApiError> {
        match &self.named.model {
            Some(model) => Ok(model.clone()),
            None => Ok(object(&self.body)?.get("model").and_then(|model| model.as_str()).unwrap_or_default().to_owned()),
        }
    }
}

/// Answers one request, whatever it is.
pub(super) async fn respond(simulator: Arc<Simulator>, request: Request<Incoming>, reset: Reset) -> Response<Body> {
    let found = find(request.uri().path());
    let id = match &found {
        Some((Route::Chat(id) | Route::CountTokens(id), _)) => *id,
        _ if request.uri().path().contains("/v1beta/") => DialectId::Gemini,
        _ if request.uri().path().contains("/api/") => DialectId::Ollama,
        _ if request.uri().path().contains("/model/") => DialectId::BedrockConverse,
        _ if request.headers().contains_key("anthropic-version") => DialectId::AnthropicMessages,
        // Only Cohere's lists come in pages of a size.
        _ if request.uri().query().is_some_and(|query| query.contains("page_size=")) => DialectId::Cohere,
        _ => DialectId::OpenAiChat,
    };
    let request_id = id::request_id();
    let exchange = Exchange { simulator: &simulator, id, request_id: &request_id, reset };
    let mut response = match answer(&exchange, request, found).await {
        Ok(response) => response,
        Err(error) => exchange.refusal(&error),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(manners::of(id).request_id, value);
    }
    response
}

/// What all of one answer's making needs.
struct Exchange<'a> {
    simulator: &'a Simulator,
    id: DialectId,
    request_id: &'a str,
    reset: Reset,
}

impl Exchange<'_> {
    fn refusal(&self, error: &ApiError) -> Response<Body> {
        let dialect = dialect(self.id);
        let mut response = written(error.status, "application/json", body::full(dialect.write_error(error, self.request_id)));
        if let Some(classes) = dialect.error_classes() {
            response.headers_mut().insert(classes.header(), HeaderValue::from_static(classes.class(error)));
        }
        response
    }
}

async fn answer(exchange: &Exchange<'_>, request: Request<Incoming>, found: Option<(Route, Named)>) -> Result<Response<Body>, ApiError> {
    let Exchange { simulator, id, .. } = *exchange;
    let (head, incoming) = request.into_parts();
    check_key(simulator, &head.headers)?;
    let mut directives = Directives::from_headers(&head.headers)?;
    let Some((route, named)) = found else {
        let message = format!("Invalid URL ({} {})", head.method, head.uri.path());
        return Err(ApiError::new(404, ErrorKind::InvalidRequest, AtFault::Client, "unknown_url", message));
    };
    let wanted = match route {
        Route::Models | Route::Model(_) | Route::FileContent(_) => Method::GET,
        _ => Method::POST,
    };
    if head.method != wanted {
        let mut response = exchange.refusal(&error(405, Some("method_not_allowed"), "method not allowed"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(if wanted == Method::GET { "GET" } else { "POST" }));
        return Ok(response);
    }
    // Uploads are counted as they come, everything else is read whole.
    if matches!(route, Route::Files | Route::Transcriptions) {
        let upload = files::receive(&head.headers, incoming).await?;
        let answer = if route == Route::Files { simulator.files.lock().add(upload) } else { audio::transcribe(&upload) };
        return finish(exchange, answer, 0, directives).await;
    }
    let body = Limited::new(incoming, MAX_BODY).collect().await;
    let body = body.map_err(|_| error(413, Some("request_too_large"), "the body is too large or was cut"))?.to_bytes();
    let body = dialect(id).with_head(head.uri.path(), &head.headers, body);
    let key = super::text::hash(&[head.uri.path().as_bytes(), b"\0", &body].concat());
    let call = Call { named, body };
    let answer = match route {
        Route::Chat(id) => chat::answer(&call, id, &mut directives),
        Route::CountTokens(id) => chat::count_tokens(&call, id, &mut directives),
        Route::Embeddings(format) => embeddings::answer(&call, format, &mut directives),
        Route::Rerank(format) => rerank::answer(&call, format, &mut directives),
        Route::Moderations => moderations::answer(&call, &mut directives),
        Route::Models => Ok(models::list(&simulator.options.models, id)),
        Route::Model(name) => Ok(models::one(&name, id)),
        Route::FileContent(name) => simulator.files.lock().content(&name),
        Route::Speech => audio::speak(&call, &mut directives),
        Route::Files | Route::Transcriptions => Err(ApiError::internal("uploads are answered above")),
    }?;
    finish(exchange, answer, key, directives).await
}

/// Applies the directives to an answer. `key` tells equal requests for `times`.
async fn finish(exchange: &Exchange<'_>, answer: Answer, key: u64, mut directives: Directives) -> Result<Response<Body>, ApiError> {
    if directives.times.is_some_and(|times| !exchange.simulator.still_fails(key, times)) {
        (directives.status, directives.fault) = (None, None);
    }
    if !directives.delay.is_zero() {
        tokio::time::sleep(directives.delay).await;
    }
    if let Some(status) = directives.status {
        let error = error(status, directives.code.as_deref(), "simulated error");
        let mut response = exchange.refusal(&error);
        if let Some(Ok(value)) = directives.retry_after.as_deref().map(HeaderValue::from_str) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        return Ok(response);
    }
    if directives.fault == Some(Fault::Html) {
        let page = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";
        return Ok(written(200, "text/html", body::full(page)));
    }
    let reset = exchange.reset.clone();
    Ok(match answer {
        Answer::Stream { content_type, frames } => written(200, content_type, body::stream(frames, exchange.id, &directives, reset)),
        Answer::Whole { content_type, bytes } => match directives.fault {
            Some(fault @ (Fault::Cut | Fault::Reset | Fault::Stall)) => {
                let length = HeaderValue::from(bytes.len());
                let mut response = written(200, content_type, body::half(bytes, fault, reset));
                response.headers_mut().insert(CONTENT_LENGTH, length);
                response
            }
            Some(Fault::Garbage) => written(200, content_type, body::full("{\"this is\": not JSON")),
            Some(Fault::TruncatedJson) => written(200, content_type, body::full(bytes.slice(..bytes.len() / 2))),
            Some(Fault::ErrorEvent) => {
                let mut response = exchange.refusal(&body::in_band_error());
                *response.status_mut() = StatusCode::OK;
                response
            }
            Some(Fault::NoFinish | Fault::Html) | None => written(200, content_type, body::full(bytes)),
        },
    })
}

/// An error as a vendor would answer with this status.
pub(super) fn error(status: u16, code: Option<&str>, message: &str) -> ApiError {
    let (kind, usual) = match status {
        401 => (ErrorKind::Authentication, "invalid_api_key"),
        402 => (ErrorKind::InsufficientQuota, "insufficient_quota"),
        403 => (ErrorKind::Permission, "permission_denied"),
        404 => (ErrorKind::NotFound, "model_not_found"),
        408 | 504 => (ErrorKind::Timeout, "timeout"),
        409 => (ErrorKind::Conflict, "conflict"),
        413 => (ErrorKind::RequestTooLarge, "request_too_large"),
        429 if code == Some("insufficient_quota") => (ErrorKind::InsufficientQuota, "insufficient_quota"),
        429 => (ErrorKind::RateLimit, "rate_limit_exceeded"),
        503 | 529 => (ErrorKind::Overloaded, "overloaded"),
        500.. => (ErrorKind::Internal, "server_error"),
        _ => (ErrorKind::InvalidRequest, "invalid_request"),
    };
    let mut error = ApiError::new(status, kind, AtFault::Client, usual, message);
    if let Some(code) = code {
        error.code = Some(code.to_owned().into());
    }
    error
}

fn written(status: u16, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn check_key(simulator: &Simulator, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(wanted) = &simulator.options.require_key else { return Ok(()) };
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let other = ["x-api-key", "api-key", "x-goog-api-key"].into_iter().filter_map(|name| headers.get(name)?.to_str().ok());
    if other.chain(bearer).any(|key| key == wanted) {
        return Ok(());
    }
    Err(error(401, None, "Incorrect API key provided"))
}

/// The route of a path and what else it says. What comes before `/v1/` or `/deployments/` may be anything, as vendors'
/// base URLs differ.
fn find(path: &str) -> Option<(Route, Named)> {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    if let Some((_, rest)) = path.split_once("/models/")
        && let Some((model, method)) = rest.rsplit_once(':')
    {
        let model = Some(decoded(model));
        return match method {
            "generateContent" => Some((Route::Chat(DialectId::Gemini), Named { model, stream: Some(false) })),
            "streamGenerateContent" => Some((Route::Chat(DialectId::Gemini), Named { model, stream: Some(true) })),
            "embedContent" => Some((Route::Embeddings(EmbeddingsId::Gemini), Named { model, stream: None })),
            "batchEmbedContents" => Some((Route::Embeddings(EmbeddingsId::GeminiBatch), Named { model, stream: None })),
            "predict" => Some((Route::Embeddings(EmbeddingsId::VertexPredict), Named { model, stream: None })),
            "countTokens" => Some((Route::CountTokens(DialectId::Gemini), Named { model, stream: None })),
            _ => None,
        };
    }
    if let Some((_, rest)) = path.split_once("/model/") {
        let (model, operation) = rest.rsplit_once('/')?;
        let named = |stream| Named { model: Some(decoded(model)), stream };
        return match operation {
            "converse" => Some((Route::Chat(DialectId::BedrockConverse), named(Some(false)))),
            "converse-stream" => Some((Route::Chat(DialectId::BedrockConverse), named(Some(true)))),
            "count-tokens" => Some((Route::CountTokens(DialectId::BedrockConverse), named(None))),
            "invoke" => invoked(&decoded(model)).map(|route| (route, named(None))),
            _ => None,
        };
    }
    let (model, rest) = match path.split_once("/deployments/") {
        Some((_, rest)) => {
            let (deployment, rest) = rest.split_once('/')?;
            (Some(decoded(deployment)), rest)
        }
        None => (
            None,
            path.split_once("/v1/").or_else(|| path.split_once("/v1beta/")).map_or_else(|| path.trim_start_matches('/'), |(_, rest)| rest),
        ),
    };
    let route = match rest {
        "chat/completions" => Route::Chat(DialectId::OpenAiChat),
        "api/chat" => Route::Chat(DialectId::Ollama),
        "api/generate" => Route::Chat(DialectId::OllamaGenerate),
        "api/tags" => Route::Models,
        "v2/chat" => Route::Chat(DialectId::Cohere),
        "services/aigc/text-generation/generation" | "services/aigc/multimodal-generation/generation" => Route::Chat(DialectId::DashScope),
        "responses" => Route::Chat(DialectId::OpenAiResponses),
        "messages" => Route::Chat(DialectId::AnthropicMessages),
        "messages/count_tokens" => Route::CountTokens(DialectId::AnthropicMessages),
        "completions" => Route::Chat(DialectId::OpenAiCompletions),
        "embeddings" => Route::Embeddings(EmbeddingsId::Openai),
        "api/embed" => Route::Embeddings(EmbeddingsId::Ollama),
        "api/embeddings" => Route::Embeddings(EmbeddingsId::OllamaPrompt),
        "v2/embed" => Route::Embeddings(EmbeddingsId::Cohere),
        "services/embeddings/text-embedding/text-embedding" => Route::Embeddings(EmbeddingsId::Dashscope),
        "rerank" => Route::Rerank(RerankId::Jina),
        "v2/rerank" => Route::Rerank(RerankId::Cohere),
        "services/rerank/text-rerank/text-rerank" => Route::Rerank(RerankId::Dashscope),
        "moderations" => Route::Moderations,
        "models" => Route::Models,
        "files" => Route::Files,
        "audio/speech" => Route::Speech,
        "audio/transcriptions" => Route::Transcriptions,
        _ => match rest.strip_prefix("files/").and_then(|rest| rest.strip_suffix("/content")) {
            Some(name) => Route::FileContent(decoded(name)),
            None => Route::Model(decoded(rest.strip_prefix("models/")?)),
        },
    };
    Some((route, Named { model, stream: None }))
}

/// What a model of Bedrock's is asked for in its own format.
fn invoked(model: &str) -> Option<Route> {
    if rerank_format(RerankId::Bedrock).serves(model) {
        return Some(Route::Rerank(RerankId::Bedrock));
    }
    let formats = [EmbeddingsId::BedrockTitan, EmbeddingsId::BedrockCohere];
    formats.into_iter().find(|id| embeddings_format(*id).serves(model)).map(Route::Embeddings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_of_paths_is_known() {
        let openai = Route::Chat(DialectId::OpenAiChat);
        for path in ["/v1/chat/completions", "/chat/completions", "/api/v1/chat/completions", "/openai/v1/chat/completions"] {
            assert_eq!(find(path), Some((openai.clone(), Named::default())), "{path}");
        }
        let deployment = find("/openai/deployments/my%20gpt/chat/completions");
        assert_eq!(deployment, Some((openai, Named { model: Some("my gpt".into()), stream: None })));
        assert_eq!(find("/v1/messages/count_tokens"), Some((Route::CountTokens(DialectId::AnthropicMessages), Named::default())));
        assert_eq!(find("/v1/models/org/name"), Some((Route::Model("org/name".into()), Named::default())));
        assert_eq!(find("/v1/files/file-1/content"), Some((Route::FileContent("file-1".into()), Named::default())));
        let gemini = |stream| Some((Route::Chat(DialectId::Gemini), Named { model: Some("m".into()), stream: Some(stream) }));
        assert_eq!(find("/v1beta/models/m:generateContent"), gemini(false));
        assert_eq!(find("/v1beta/models/m:streamGenerateContent"), gemini(true));
        assert_eq!(find("/v2/chat"), Some((Route::Chat(DialectId::Cohere), Named::default())));
        let arn = find("/model/arn%3Aaws%3Ax%2Fy/converse-stream");
        let named = Named { model: Some("arn:aws:x/y".into()), stream: Some(true) };
        assert_eq!(arn, Some((Route::Chat(DialectId::BedrockConverse), named)));
        assert_eq!(find("/model/m/invoke"), None);
        let titan = find("/model/amazon.titan-embed-text-v2%3A0/invoke").map(|(route, _)| route);
        assert_eq!(titan, Some(Route::Embeddings(EmbeddingsId::BedrockTitan)));
        assert_eq!(find("/v1beta/models"), Some((Route::Models, Named::default())));
        assert_eq!(find("/v1/nothing"), None);
    }
}
