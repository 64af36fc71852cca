//! Attempts: one target after the other until one answers. An attempt is judged by its head and by the first content of its
//! body; until then nothing has gone to the client, so another attempt is free. After that there is none.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Response, StatusCode};
use tokio::time::Instant;

use super::body::collect::collect;
use super::body::event_stream::{EventStream, Mode, malformed_frame};
use super::body::source::{Deadlines, Source};
use super::call::Call;
use super::classify;
use super::meter::Meter;
use super::respond::Answer;
use super::worker::Worker;
use super::{headers, outgoing, redact, retry_hint};
use crate::base::outcome::AttemptClass;
use crate::chat::{ApiError, Collector, ErrorKind, Event, Fault, Request, unfold};
use crate::config::Unsupported;
use crate::dialect::{Dialect, Reply, To, Written, dialect, estimate_tokens};
use crate::runtime::{Credential, Provider, Snapshot, Target};
use crate::upstream::{self, SendError, SendErrorKind};
use crate::vendor::Endpoint;

/// The largest error body that is read.
const MAX_ERROR: usize = 256 << 10;
/// A vendor that asks for a longer wait is not waited for.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A failed attempt.
struct Failed {
    class: AttemptClass,
    /// The vendor's own status, or, where none came, that of `error`.
    status: u16,
    /// The same target would fail in the same way again.
    hopeless: bool,
    error: ApiError,
}

/// Tries the call's targets until one answers.
pub(super) async fn run(worker: &Arc<Worker>, snapshot: &Snapshot, call: Call, meter: &mut Meter) -> Result<Answer, ApiError> {
    let first = call.targets.first().ok_or_else(|| ApiError::internal("a route without targets"))?;
    let most = first.provider.retry.attempts;
    let give_up_at = meter.started() + headers::total_timeout(&call.headers, first.provider.timeout.total);
    let mut hub = None;
    let mut at = 0;
    let mut retries = 0;
    loop {
        let Some(target) = call.targets.get(at) else { return Err(ApiError::internal("a route ran out of targets")) };
        let failed = match attempt(worker, snapshot, &call, target, &mut hub, give_up_at, meter).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        meter.attempt_ended(failed.class);
        let retry_same = failed.class.retry_same() && !failed.hopeless;
        let fall_back = failed.class.fall_back(failed.status);
        let spent = meter.attempts() >= most;
        let another = at + 1 < call.targets.len();
        tracing::debug!(
            request_id = &*meter.request_id,
            provider = target.provider.name,
            class = failed.class.as_str(),
            error = %failed.error,
            "an attempt failed"
        );
        if !spent && fall_back && another {
            at += 1;
            retries = 0;
            continue;
        }
        let wait = backoff(&target.provider, retries).max(failed.error.retry_after.unwrap_or_default());
        if !spent && retry_same && !another && wait <= MAX_WAIT && Instant::now() + wait < give_up_at {
            retries += 1;
            tokio::time::sleep(wait).await;
            continue;
        }
        let mut error = failed.error;
        if retry_same && spent && most > 1 {
            // What the sidecar has tried, the client's SDK need not try again.
            error.should_retry = Some(false);
        }
        return Err(error);
    }
}

/// Full jitter over an exponentially growing range.
fn backoff(provider: &Provider, retries: u32) -> Duration {
    let retry = &provider.retry;
    let ceiling = retry.backoff_min.saturating_mul(1 << retries.min(16)).min(retry.backoff_max);
    ceiling.mul_f64(fastrand::f64())
}

async fn attempt(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    call: &Call,
    target: &Target,
    hub: &mut Option<Request>,
    give_up_at: Instant,
    meter: &mut Meter,
) -> Result<Answer, Failed> {
    let provider = &*target.provider;
    let same = provider.speaks(call.dialect).id() == call.dialect;
    let written = write(snapshot, call, target, same, hub).map_err(refused_here)?;
    meter.set_dropped(&written.dropped);
    let request = prepare(call, target, written.body).map_err(refused_here)?;
    meter.attempt(target);
    for field in written.dropped.iter() {
        worker.runtime.metrics.dropped.get_or_create(&vec![("field", known_field(field).to_owned())]).inc();
    }
    let now = Instant::now();
    let first_token_at = (now + provider.timeout.first_token).min(give_up_at);
    let sending = worker.pool.send(&provider.origin, request, provider.timeout.connect);
    let response = match tokio::time::timeout_at(first_token_at, sending).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(send_failed(&error)),
        Err(_) => return Err(ambiguous(ApiError::timeout("the upstream did not begin its answer within the time allowed"))),
    };
    let deadlines = Deadlines {
        first: Some(first_token_at),
        idle: provider.timeout.idle,
        content_idle: provider.content_idle,
        total: give_up_at,
        heartbeat: snapshot.config.server.heartbeat,
    };
    let (head, body) = response.into_parts();
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let source = Source::new(body, coding, snapshot.config.server.max_response, deadlines).map_err(ambiguous)?;
    if !head.status.is_success() {
        return Err(vendor_error(provider, &Response::from_parts(head, ()), source).await);
    }
    let reply = Reply {
        requested_model: call.view.model.clone(),
        upstream_model: target.model.to_string(),
        include_usage: call.view.include_usage,
        prompt_estimate: if !same && dialect(call.dialect).tells_prompt_first() { estimate_tokens(&call.body) } else { 0 },
        created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
        request: call.body.clone(),
    };
    let mut out = HeaderMap::with_capacity(20);
    headers::to_client(&head.headers, &mut out);
    let streamed = is_stream(provider.speaks(call.dialect), &head.headers);
    let answered = if call.view.stream {
        stream(snapshot, call, provider, same, streamed, source, &reply, out, meter).await
    } else {
        whole(snapshot, call, provider, same, streamed, source, &reply, out, meter).await
    };
    answered.map_err(|mut error| {
        error.message = redacted(provider, &error.message);
        let class = if error.fault == Fault::Upstream && is_refusal(&error) { AttemptClass::Refused } else { AttemptClass::Ambiguous };
        Failed { class, status: error.status, hopeless: false, error }
    })
}

/// Writes the request for the target: edited where both ends speak the same dialect, translated where they do not.
fn write(snapshot: &Snapshot, call: &Call, target: &Target, same: bool, hub: &mut Option<Request>) -> Result<Written, ApiError> {
    let provider = &*target.provider;
    let to = To { model: provider.body_model(&target.model), quirks: &provider.quirks, want_usage: true };
    let written = if same {
        dialect(call.dialect).edit_request(&call.body, &to)?
    } else {
        if hub.is_none() {
            // Some dialects say it in the path.
            *hub = Some(Request { stream: call.view.stream, ..dialect(call.dialect).read_request(&call.body)? });
        }
        let Some(request) = hub.as_ref() else { return Err(ApiError::internal("the request was not read")) };
        provider.dialect().write_request(request, &to)?
    };
    if let Some(field) = written.dropped.iter().next() {
        let model = &target.model;
        match snapshot.config.unsupported {
            Unsupported::Drop => {}
            Unsupported::Warn => {
                let fields: Vec<&str> = written.dropped.iter().collect();
                tracing::warn!(provider = provider.name, ?fields, "the target cannot express these fields; they were dropped");
            }
            Unsupported::Reject => {
                let message = format!("`{field}` cannot be expressed for the model `{model}` (translation.unsupported: reject)");
                return Err(ApiError::invalid("unsupported_parameter", field, message));
            }
        }
    }
    Ok(written)
}

fn prepare(call: &Call, target: &Target, body: Bytes) -> Result<http::Request<upstream::RequestBody>, ApiError> {
    let provider = &*target.provider;
    let spoken = provider.speaks(call.dialect);
    let query = call.query.as_deref().filter(|_| spoken.id() == call.dialect);
    let endpoint = spoken.chat_path(&target.model, call.view.stream);
    let path = provider.path(Endpoint::Chat(&endpoint), &target.model, query);
    let mut request = outgoing::request(provider, Method::POST, &path, &call.headers, call.dialect, body.into())?;
    outgoing::set_json(&mut request);
    Ok(request)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one attempt, each used once")]
async fn stream(
    snapshot: &Snapshot,
    call: &Call,
    provider: &Provider,
    same: bool,
    streamed: bool,
    source: Source,
    reply: &Reply,
    out: HeaderMap,
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let client = dialect(call.dialect);
    if !streamed {
        // The vendor ignored `stream`: its whole answer is told as a stream.
        let body = collect(source, snapshot.config.server.max_response).await?;
        let response = provider.speaks(call.dialect).read_response(&body)?;
        if let Some(usage) = response.usage {
            meter.set_usage(usage);
        }
        let mut events = Vec::new();
        unfold(response, &mut events);
        let mut encoder = client.encoder(reply);
        let mut text = bytes::BytesMut::new();
        events.into_iter().for_each(|event: Event| encoder.event(event, &mut text));
        meter.attempt_ended(AttemptClass::Success);
        let mut answer = Answer::json(text.freeze(), out);
        answer.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(client.framing().content_type()));
        return Ok(answer);
    }
    let mode = if same {
        Mode::Relay(client.tap(reply, &provider.quirks))
    } else {
        Mode::Translate { decoder: provider.dialect().decoder(), encoder: client.encoder(reply), events: Vec::new() }
    };
    let mut stream = EventStream::new(source, provider.speaks(call.dialect).framing(), mode, client, snapshot.config.server.max_event);
    stream.prime().await?;
    if let Some(usage) = stream.usage() {
        meter.set_usage(usage);
    }
    Ok(Answer::events(stream, out))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one attempt, each used once")]
async fn whole(
    snapshot: &Snapshot,
    call: &Call,
    provider: &Provider,
    same: bool,
    streamed: bool,
    source: Source,
    reply: &Reply,
    out: HeaderMap,
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let client = dialect(call.dialect);
    let body = collect(source, snapshot.config.server.max_response).await?;
    let (body, usage) = if streamed {
        // The vendor streams although it was not asked to: the stream is collected.
        let response = gather(provider.speaks(call.dialect), &body)?;
        let usage = response.usage;
        (client.write_response(response, reply).into(), usage)
    } else if same {
        let edited = client.edit_response(body, reply, &provider.quirks)?;
        (edited.body, edited.usage)
    } else {
        let response = provider.speaks(call.dialect).read_response(&body)?;
        let usage = response.usage;
        (client.write_response(response, reply).into(), usage)
    };
    if let Some(usage) = usage {
        meter.set_usage(usage);
    }
    meter.content(Instant::now());
    meter.attempt_ended(AttemptClass::Success);
    Ok(Answer::json(body, out))
}

/// The answer that a stream at hand tells.
fn gather(vendor: &dyn Dialect, body: &[u8]) -> Result<crate::chat::Response, ApiError> {
    let framing = vendor.framing();
    let mut decoder = vendor.decoder();
    let mut splitter = framing.splitter();
    let mut events = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = splitter.frame_end(rest).unwrap_or(rest.len());
        let (frame, after) = rest.split_at(end.min(rest.len()));
        if let Some(frame) = framing.read(frame).map_err(|_| malformed_frame())? {
            decoder.frame(frame.name, &frame.data, &mut events)?;
        }
        rest = after;
    }
    if !events.contains(&Event::Done) {
        decoder.end(&mut events)?;
    }
    let mut collector = Collector::default();
    for event in events {
        collector.push(event)?;
    }
    collector.finish()
}

async fn vendor_error(provider: &Provider, head: &Response<()>, source: Source) -> Failed {
    let status = head.status();
    // An error body that breaks off still has its status.
    let body = collect(source, MAX_ERROR).await.unwrap_or_default();
    let error = read_vendor_error(provider, status, head.headers(), &body);
    Failed { class: classify::answer(status.as_u16(), &error), status: status.as_u16(), hopeless: false, error }
}

/// A vendor's error answer as the client is told it: status kept, words redacted, hints translated.
pub(super) fn read_vendor_error(provider: &Provider, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    if status.is_redirection() || status.is_informational() {
        return ApiError::upstream("upstream_redirect", "the upstream answered with a redirect, which is not followed");
    }
    let mut error = provider.dialect().read_error(status.as_u16(), body);
    if matches!(status.as_u16(), 401) || matches!(error.kind, ErrorKind::Authentication) {
        error.code = Some("upstream_auth_failed".into());
        error.kind = ErrorKind::Authentication;
    }
    error.message = redacted(provider, &error.message);
    error.retry_after = error.retry_after.or_else(|| retry_hint::read(headers, &error.message));
    if error.kind == ErrorKind::InsufficientQuota {
        error.should_retry = Some(false);
    }
    if matches!(error.status, 503 | 529) && error.retry_after.is_none() {
        error.retry_after = Some(Duration::from_secs(1));
    }
    error
}

fn redacted(provider: &Provider, message: &str) -> String {
    let key = match &provider.credential {
        Credential::Header(_, value) => value.to_str().map(|v| v.trim_start_matches("Bearer ")).unwrap_or_default(),
        Credential::Forward(_) | Credential::None => "",
    };
    redact::message(message, &[key, &provider.origin.key.host]).into_owned()
}

fn is_refusal(error: &ApiError) -> bool {
    matches!(error.kind, ErrorKind::Overloaded | ErrorKind::RateLimit)
}

fn refused_here(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Deterministic, status: error.status, hopeless: true, error }
}

fn ambiguous(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Ambiguous, status: error.status, hopeless: false, error }
}

/// What the client is told of a request that got no answer; hosts and addresses stay in the log.
pub(super) fn send_error(error: &SendError) -> ApiError {
    tracing::debug!(%error, "no answer from the upstream");
    match error.kind {
        SendErrorKind::Dns => ApiError::upstream("upstream_dns", "the upstream's name could not be resolved"),
        SendErrorKind::Connect => ApiError::upstream("upstream_connect_failed", "the upstream could not be connected to"),
        SendErrorKind::ConnectTimeout => {
            ApiError::upstream("upstream_connect_failed", "the upstream did not accept the connection in time")
        }
        SendErrorKind::TlsUntrusted => ApiError::upstream("upstream_tls", "the upstream's certificate is not trusted"),
        SendErrorKind::Tls => ApiError::upstream("upstream_tls", "the TLS handshake with the upstream failed"),
        SendErrorKind::Unsent | SendErrorKind::Reset => {
            ApiError::upstream("upstream_reset", "the upstream closed the connection before it answered")
        }
        SendErrorKind::Protocol => ApiError::upstream("upstream_invalid_response", "the upstream's answer is not HTTP"),
        SendErrorKind::RequestBody => {
            ApiError::new(400, ErrorKind::InvalidRequest, Fault::Client, "malformed_body", "the request's body ended early")
        }
    }
}

fn send_failed(error: &SendError) -> Failed {
    // A certificate does not become valid by asking again.
    let hopeless = error.kind == SendErrorKind::TlsUntrusted;
    let class = error.kind.class();
    let error = send_error(error);
    Failed { class, status: error.status, hopeless, error }
}

fn is_stream(vendor: &dyn Dialect, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    kind.is_some_and(|kind| vendor.framing().is_stream(kind))
}

/// A metric label of a closed set: OpenAI's request fields, everything else is one.
fn known_field(field: &str) -> &str {
    const FIELDS: [&str; 40] = [
        "audio",
        "cache_control",
        "detail",
        "file",
        "frequency_penalty",
        "function_call",
        "functions",
        "image",
        "image_url",
        "input_audio",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "n",
        "name",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream_options",
        "temperature",
        "thinking",
        "tool_choice",
        "tool_result_image",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
    ];
    if FIELDS.contains(&field) || matches!(field, "verbosity" | "web_search_options") { field } else { "other" }
}
