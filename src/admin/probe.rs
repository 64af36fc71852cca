//! Testing a provider: real requests by the way every request goes, each of which has to show a capability.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::observed;
use super::resources::{blocking, missing, now};
use super::serve::Admin;
use super::trail;
use crate::proxy::{self, ClientConnection, Worker};
use crate::store::Kind;

const LIMIT: Duration = Duration::from_secs(60);
const MOST: usize = 4 << 20;
const TOOL: &str = "report_color";

/// `POST /api/v1/llm/providers/{name}/test`. The body may name the `model` and the `embedding_model`.
pub(super) async fn run(admin: &Arc<Admin>, call: &Call) -> Result<Answer, Problem> {
    call.only(&[])?;
    let wanted = if call.body.is_empty() { Map::new() } else { call.object()? };
    let named = |key: &'static str| match wanted.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(Problem::bad("invalid_type", key, format!("`{key}` has to be the name of a model"))),
    };
    if let Some(key) = wanted.keys().find(|key| !matches!(key.as_str(), "model" | "embedding_model")) {
        return Err(Problem::bad("unknown_parameter", key.clone(), "there are: model, embedding_model"));
    }
    let (model, embedding) = (named("model")?, named("embedding_model")?);
    let name = call.name().to_owned();
    let snapshot = admin.runtime.snapshot();
    let entry = snapshot.provider(&name).cloned().ok_or_else(|| missing(Kind::Provider, &name))?;
    trail::note(admin, call, "provider.test", name.clone(), json!({})).await?;
    let list: Vec<String> = match entry.provider.models() {
        Some(models) => models.to_vec(),
        None => entry.learnt.models(&entry.provider, &admin.worker.pool).await.map(|list| list.to_vec()).unwrap_or_default(),
    };
    let is_embedding = |model: &&String| model.contains("embed");
    let model = model.or_else(|| list.iter().find(|model| !is_embedding(model)).cloned());
    let embedding = embedding.or_else(|| list.iter().find(is_embedding).cloned());
    let Some(model) = model else {
        let detail = "the vendor lists no models; name one: `{\"model\": \"...\"}`";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_model", detail).at("model"));
    };
    let mut capabilities = Map::new();
    let [chat, usage] = chat(&admin.worker, &format!("{name}/{model}")).await;
    let is_there = chat["ok"] == true;
    capabilities.insert("chat".into(), chat);
    capabilities.insert("usage".into(), usage);
    capabilities.insert("stream".into(), stream(&admin.worker, &format!("{name}/{model}")).await);
    capabilities.insert("tools".into(), tools(&admin.worker, &format!("{name}/{model}")).await);
    capabilities.insert("structured_output".into(), structured(&admin.worker, &format!("{name}/{model}")).await);
    let embedded = match &embedding {
        Some(model) => embeddings(&admin.worker, &format!("{name}/{model}")).await,
        None => json!({"ok": null, "detail": "no embedding model is known; name one as `embedding_model`"}),
    };
    capabilities.insert("embeddings".into(), embedded);
    let result = json!({"ok": is_there, "model": model, "embedding_model": embedding, "tested_at": now(), "capabilities": capabilities});
    if let Some(control) = admin.control.clone() {
        let body = result.to_string();
        let seen = move || control.store.observe(observed::TEST, &name, &body).map_err(|error| super::refused::store(&error));
        blocking(seen).await?;
    }
    Ok(answer::ok(&result))
}

/// A request's answer: its status, its body, and how long it took.
struct Seen {
    status: StatusCode,
    body: Vec<u8>,
    took: Duration,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `fault` says what is missing in a good answer.
    fn verdict(&self, fault: Option<&str>) -> Value {
        let detail = if self.status.is_success() {
            fault.map(str::to_owned)
        } else {
            self.json()["error"]["message"].as_str().map(str::to_owned).or_else(|| Some("no answer".to_owned()))
        };
        let milliseconds = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        json!({"ok": detail.is_none(), "status": self.status.as_u16(), "milliseconds": milliseconds, "detail": detail})
    }
}

fn prompt(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 256})
}

async fn chat(worker: &Arc<Worker>, model: &str) -> [Value; 2] {
    let seen = ask(worker, "/v1/chat/completions", &prompt(model, "Answer with the single word: pong")).await;
    let body = seen.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let counted = body["usage"]["prompt_tokens"].as_u64().unwrap_or(0) > 0 && body["usage"]["completion_tokens"].as_u64().unwrap_or(0) > 0;
    [
        seen.verdict((text.trim().is_empty()).then_some("the answer holds no text")),
        seen.verdict((!counted).then_some("the answer does not count its tokens")),
    ]
}

async fn stream(worker: &Arc<Worker>, model: &str) -> Value {
    let mut request = prompt(model, "Count from one to five in words.");
    request["stream"] = true.into();
    let seen = ask(worker, "/v1/chat/completions", &request).await;
    let text = String::from_utf8_lossy(&seen.body).into_owned();
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
    let has_text = events.iter().any(|event| {
        let event: Value = serde_json::from_str(event).unwrap_or(Value::Null);
        event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty())
    });
    seen.verdict(match () {
        () if !has_text => Some("the stream holds no text"),
        () if events.last() != Some(&"[DONE]") => Some("the stream has no end"),
        () => None,
    })
}

async fn tools(worker: &Arc<Worker>, model: &str) -> Value {
    let mut request = prompt(model, "Report the color red.");
    let parameters = json!({"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]});
    request["tools"] =
        json!([{"type": "function", "function": {"name": TOOL, "description": "Reports a color", "parameters": parameters}}]);
    request["tool_choice"] = json!({"type": "function", "function": {"name": TOOL}});
    let seen = ask(worker, "/v1/chat/completions", &request).await;
    let body = seen.json();
    let call = &body["choices"][0]["message"]["tool_calls"][0]["function"];
    let arguments: Value = call["arguments"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    seen.verdict(match () {
        () if call["name"] != TOOL => Some("the tool is not called"),
        () if !arguments.is_object() => Some("the tool's arguments are no object"),
        () => None,
    })
}

async fn structured(worker: &Arc<Worker>, model: &str) -> Value {
    let mut request = prompt(model, "Name a color, as JSON.");
    let schema =
        json!({"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"], "additionalProperties": false});
    request["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "color", "schema": schema, "strict": true}});
    let seen = ask(worker, "/v1/chat/completions", &request).await;
    let body = seen.json();
    let text = body["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let read: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    seen.verdict((!read["color"].is_string()).then_some("the answer does not keep to the schema"))
}

async fn embeddings(worker: &Arc<Worker>, model: &str) -> Value {
    let seen = ask(worker, "/v1/embeddings", &json!({"model": model, "input": "pong"})).await;
    let body = seen.json();
    let count = body["data"][0]["embedding"].as_array().map_or(0, Vec::len);
    seen.verdict((count == 0).then_some("the answer holds no vector"))
}

async fn ask(worker: &Arc<Worker>, path: &str, body: &Value) -> Seen {
    let began = Instant::now();
    let asked = tokio::time::timeout(LIMIT, exchange(worker, path, body.to_string())).await;
    let (status, body) = match asked {
        Ok(Some(answered)) => answered,
        Ok(None) => (StatusCode::BAD_GATEWAY, Vec::new()),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, Vec::new()),
    };
    Seen { status, body, took: began.elapsed() }
}

/// Sends a request through the proxy itself, inside this process: what works here works for clients.
async fn exchange(worker: &Arc<Worker>, path: &str, body: String) -> Option<(StatusCode, Vec<u8>)> {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (worker, client) = (Arc::clone(worker), Arc::new(ClientConnection::internal()));
    let service = service_fn(move |request: Request<Incoming>| {
        let (worker, client) = (Arc::clone(&worker), Arc::clone(&client));
        async move { Ok::<_, Infallible>(proxy::handle(worker, client, request).await) }
    });
    let serving = tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.ok()?;
    let driving = tokio::spawn(connection);
    let request = Request::post(path).header(HOST, "localhost").header(CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(body)));
    let answered = async {
        let (head, body) = sender.send_request(request.ok()?).await.ok()?.into_parts();
        // A body that breaks off is judged by what came of it.
        let mut body = Limited::new(body, MOST);
        let mut whole = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            if let Ok(data) = frame.into_data() {
                whole.extend_from_slice(&data);
            }
        }
        Some((head.status, whole))
    };
    let answered = answered.await;
    driving.abort();
    serving.abort();
    answered
}
