//! Every other path of OpenAI's API: passed to a provider of that dialect. JSON requests are read for their `model` and
//! edited in that one place; uploads and all answers are streamed, never collected.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::admit::{self, Load, Spend, Wish};
use super::bill::Billing;
use super::body::source::{Deadlines, Source};
use super::meter::Meter;
use super::respond::{Answer, Content};
use super::send::send;
use super::worker::Worker;
use super::{headers, ingress, models, outgoing, single};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, ErrorKind, Fault};
use crate::dialect::openai_chat;
use crate::runtime::{ClientEntry, Resolved, Snapshot, Target};
use crate::upstream::{Expect, RequestBody};
use crate::vendor::Endpoint;

const MAX_ERROR: usize = 256 << 10;
/// Names the provider of a request that names no model.
const PROVIDER: &str = "x-llm-provider";

pub(super) async fn run(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    client: Option<&ClientEntry>,
    request: Request<Incoming>,
    path: &str,
    deployment: Option<String>,
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let (head, body) = request.into_parts();
    let (target, body) = if is_json(&head.headers) && head.method == Method::POST {
        let bytes = ingress::read_body(body, &head.headers, snapshot).await?;
        let view = openai_chat::generic_view(&bytes)?;
        let model = deployment.or(view.model);
        json_request(worker, snapshot, client, &head.headers, bytes, model, view.stream, meter).await?
    } else {
        let target = match &deployment {
            Some(model) => {
                ingress::allow_model(client, model)?;
                first_openai(&models::resolve(worker, snapshot, model).await?, model)?
            }
            None => default_provider(snapshot, &head.headers)?,
        };
        (target, stream_upload(body))
    };
    let provider = &*target.provider;
    let url = provider.path(Endpoint::Other(path), &target.model, head.uri.query());
    let upload = matches!(body, RequestBody::Stream(_));
    let client_name = client.map_or("", |client| client.name.as_str());
    let load = Load::Prompt(body_tokens(&body));
    meter.grant(admit::client(worker, client, load).await?);
    let by = meter.started() + provider.timeout.total;
    // What is generated has a model; lists and files are not billed by what is read of them.
    let billing = if head.method == Method::POST && !target.model.is_empty() { Billing::Uncounted } else { Billing::Nothing };
    let spend = Spend { snapshot, model: &target.model, headers: &head.headers, billing };
    let wish = Wish { worker, client: client_name, load, spend, conversation: None, by };
    let mut attempt = single::begin(wish, &target, meter).await?;
    let mut outgoing =
        outgoing::request(&target, attempt.credential, head.method, outgoing::uri(&url)?, &head.headers, DialectId::OpenAiChat, body);
    attempt.propagate(outgoing.headers_mut());
    headers::pass_to_vendor(&head.headers, outgoing.headers_mut());
    if upload && let Some(coding) = head.headers.get(CONTENT_ENCODING) {
        outgoing.headers_mut().insert(CONTENT_ENCODING, coding.clone());
    }
    let total = meter.started() + headers::total_timeout(&head.headers, provider.timeout.total);
    let by = (Instant::now() + provider.timeout.first_token).min(total);
    let by = if upload { total } else { by };
    let sent = send(worker, provider, attempt.credential, Box::new(outgoing), Expect::Whole, by).await;
    let response = match sent {
        Ok(response) => response,
        Err(failed) => return Err(single::fail(&mut attempt, failed)),
    };
    let (head, body) = response.into_parts();
    let idle = provider.timeout.idle;
    let deadlines = Deadlines { first: None, idle, content_idle: idle, total, heartbeat: idle };
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    if head.status.is_success() || head.status == StatusCode::NOT_MODIFIED {
        let mut headers = head.headers;
        headers::to_client(&mut headers, &headers::CONTENT);
        attempt.content(Instant::now(), false);
        meter.carry(attempt);
        let source = Source::new(body, None, 0, deadlines)?;
        return Ok(Answer { status: head.status, headers, content: Content::Raw(Box::new(source)) });
    }
    let source = Source::new(body, coding, MAX_ERROR, deadlines)?;
    let failed = single::refused_by_vendor(&target, &Response::from_parts(head, ()), source).await;
    Err(single::fail(&mut attempt, failed))
}

/// A JSON request: routed by its model, or to the default provider where it has none (`/responses/compact`, batches).
#[expect(clippy::too_many_arguments, reason = "the parts of one request, each used once")]
async fn json_request(
    worker: &Worker,
    snapshot: &Snapshot,
    client: Option<&ClientEntry>,
    headers: &HeaderMap,
    bytes: bytes::Bytes,
    model: Option<String>,
    stream: bool,
    meter: &mut Meter,
) -> Result<(Arc<Target>, RequestBody), ApiError> {
    let Some(model) = model else {
        return Ok((default_provider(snapshot, headers)?, bytes.into()));
    };
    meter.set_model(&model, stream);
    ingress::allow_model(client, &model)?;
    let target = first_openai(&models::resolve(worker, snapshot, &model).await?, &model)?;
    let mut object = RawObject::parse(&bytes).map_err(|e| ApiError::invalid_json(format!("the body is not a JSON object: {e}")))?;
    let body_model = target.provider.body_model(&target.model).to_owned();
    let body = if model == body_model && object.contains("model") {
        bytes
    } else {
        object.set("model", to_raw(&body_model));
        object.write().into()
    };
    Ok((target, body.into()))
}

fn first_openai(resolved: &Resolved, model: &str) -> Result<Arc<Target>, ApiError> {
    let mut targets = resolved.plan(None, Instant::now()).into_iter().map(|candidate| candidate.target);
    targets.find(|t| t.provider.vendor.is_openai()).ok_or_else(|| {
        let message = format!("`{model}` is served by a vendor that does not have this endpoint");
        ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "unsupported_endpoint", message).with_param("model")
    })
}

/// Where a request that names no model goes: the provider the client names, else the first of type `openai` or `azure`,
/// else the first that speaks OpenAI's dialect.
fn default_provider(snapshot: &Snapshot, headers: &HeaderMap) -> Result<Arc<Target>, ApiError> {
    if let Some(name) = headers.get(PROVIDER).and_then(|v| v.to_str().ok()) {
        let entry = snapshot.provider(name).filter(|e| e.provider.vendor.is_openai());
        return entry
            .map(|e| e.target(""))
            .ok_or_else(|| ApiError::invalid("invalid_value", PROVIDER, format!("no provider `{name}` speaks OpenAI's dialect")));
    }
    let speaks = |entry: &&Arc<crate::runtime::ProviderEntry>| entry.provider.vendor.is_openai();
    let own = |entry: &&Arc<crate::runtime::ProviderEntry>| matches!(entry.provider.vendor.id.as_ref(), "openai" | "azure");
    let found = snapshot.providers.iter().find(|e| speaks(e) && own(e)).or_else(|| snapshot.providers.iter().find(speaks));
    found.map(|e| e.target("")).ok_or_else(|| {
        let message = "no configured provider speaks OpenAI's dialect, which this endpoint needs";
        ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "unsupported_endpoint", message)
    })
}

/// About how many tokens are sent, for limits.
fn body_tokens(body: &RequestBody) -> u64 {
    match body {
        RequestBody::Full(parts) => (parts.len() as u64).div_ceil(4),
        RequestBody::Stream(_) => 0,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.trim_start().to_ascii_lowercase().starts_with("application/json"))
}

/// The client's body as it comes. Its declared length is kept.
fn stream_upload(body: Incoming) -> RequestBody {
    if body.is_end_stream() {
        return RequestBody::empty();
    }
    RequestBody::Stream(body.map_err(|e| Box::new(e) as Box<dyn std::error::Error + Send + Sync>).boxed_unsync())
}
