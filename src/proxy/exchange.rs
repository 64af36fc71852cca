//! One exchange with one upstream: the request is written for it and sent, and the answer judged by its head and by the first
//! content of its body. Until then nothing has gone to the client.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Response};
use tokio::time::Instant;

use super::admit::{Load, Wish};
use super::attempt::{Attempt, End};
use super::body::collect::collect;
use super::body::event_stream::{EventStream, Mode, malformed_frame};
use super::body::source::{Deadlines, Source};
use super::call::Call;
use super::respond::Answer;
use super::worker::Worker;
use super::{classify, headers, outgoing, rate_hint, vendor_error};
use crate::base::outcome::AttemptClass;
use crate::chat::{ApiError, Collector, Event, Usage, unfold};
use crate::config::Unsupported;
use crate::dialect::{Dialect, Reply, To, Written, dialect, estimate_tokens};
use crate::runtime::{Provider, Snapshot, Target};
use crate::upstream::{self, SendError, SendErrorKind};
use crate::vendor::Endpoint;

/// An answer that has begun, and the attempt it comes by.
pub(super) struct Accepted {
    pub answer: Answer,
    /// `None` where no upstream was asked.
    pub attempt: Option<Attempt>,
    pub usage: Option<Usage>,
    /// Request fields that the target could not express.
    pub dropped: Vec<String>,
}

/// A failed attempt.
pub(super) struct Failed {
    pub class: AttemptClass,
    /// The vendor's own status, or that of the error where none came.
    pub status: u16,
    /// The same target would fail in the same way again.
    pub hopeless: bool,
    pub error: ApiError,
}

/// What is the same for all attempts of a request.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub worker: &'a Arc<Worker>,
    pub snapshot: &'a Snapshot,
    pub call: &'a Call,
    /// All attempts together end by then.
    pub give_up_at: Instant,
    /// The client itself asked for that time: running out of it is nobody's failure.
    pub is_clients_time: bool,
}

impl<'a> Terms<'a> {
    pub(super) fn wish(self) -> Wish<'a> {
        Wish {
            worker: self.worker,
            client: self.call.client.as_deref().unwrap_or_default(),
            load: Load::Chat(self.call),
            conversation: self.call.conversation,
            by: self.give_up_at,
        }
    }
}

/// Asks the attempt's target. A failed attempt has ended, an accepted one goes on with the answer's body.
pub(super) async fn exchange(terms: Terms<'_>, mut attempt: Attempt) -> Result<Accepted, Failed> {
    match ask(terms, &mut attempt).await {
        Ok((answer, usage, dropped)) => Ok(Accepted { answer, attempt: Some(attempt), usage, dropped }),
        Err(mut failed) => {
            if failed.error.status == 504 && terms.is_clients_time && Instant::now() >= terms.give_up_at {
                failed.class = AttemptClass::ClientCancel;
            }
            attempt.end(&End { status: failed.status, retry_after: failed.error.retry_after, ..End::new(failed.class) });
            Err(failed)
        }
    }
}

async fn ask(terms: Terms<'_>, attempt: &mut Attempt) -> Result<(Answer, Option<Usage>, Vec<String>), Failed> {
    let Terms { worker, snapshot, call, give_up_at, .. } = terms;
    let target = Arc::clone(&attempt.target);
    let provider = &*target.provider;
    let same = provider.speaks(call.dialect).id() == call.dialect;
    let written = write(snapshot, call, &target, same).map_err(refused_here)?;
    let request = prepare(call, &target, attempt.credential, written.body).map_err(refused_here)?;
    for field in written.dropped.iter() {
        worker.runtime.metrics.dropped.get_or_create(&vec![("field", known_field(field).to_owned())]).inc();
    }
    let first_token_at = (Instant::now() + provider.timeout.first_token).min(give_up_at);
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
    let (requests, tokens) = rate_hint::remaining(&head.headers);
    attempt.lower(requests, tokens);
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let source = Source::new(body, coding, snapshot.config.server.max_response, deadlines).map_err(ambiguous)?;
    if !head.status.is_success() {
        let status = head.status.as_u16();
        let error = vendor_error::read(provider, &Response::from_parts(head, ()), source).await;
        return Err(Failed { class: classify::answer(status, &error), status, hopeless: false, error });
    }
    let mut reply = call.reply(&target.model);
    if !same && dialect(call.dialect).tells_prompt_first() {
        reply.prompt_estimate = estimate_tokens(&call.body);
    }
    let mut out = HeaderMap::with_capacity(20);
    headers::to_client(&head.headers, &mut out);
    let streamed = is_stream(provider.speaks(call.dialect), &head.headers);
    let answered = if call.view.stream {
        stream(terms, provider, same, streamed, source, &reply, out, attempt).await
    } else {
        whole(terms, provider, same, streamed, source, &reply, out, attempt).await
    };
    let dropped = written.dropped.iter().map(str::to_owned).collect();
    answered.map(|(answer, usage)| (answer, usage, dropped)).map_err(|mut error| {
        error.message = vendor_error::redacted(provider, &error.message);
        Failed { class: classify::in_band(&error), status: error.status, hopeless: false, error }
    })
}

/// Writes the request for the target: edited where both ends speak the same dialect, translated where they do not.
fn write(snapshot: &Snapshot, call: &Call, target: &Target, same: bool) -> Result<Written, ApiError> {
    let provider = &*target.provider;
    let to = To { model: provider.body_model(&target.model), quirks: &provider.quirks, want_usage: true };
    let written =
        if same { dialect(call.dialect).edit_request(&call.body, &to)? } else { provider.dialect().write_request(call.hub()?, &to)? };
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

fn prepare(call: &Call, target: &Target, credential: usize, body: Bytes) -> Result<http::Request<upstream::RequestBody>, ApiError> {
    let provider = &*target.provider;
    let spoken = provider.speaks(call.dialect);
    let query = call.query.as_deref().filter(|_| spoken.id() == call.dialect);
    let endpoint = spoken.chat_path(&target.model, call.view.stream);
    let path = provider.path(Endpoint::Chat(&endpoint), &target.model, query);
    let mut request = outgoing::request(provider, credential, Method::POST, &path, &call.headers, call.dialect, body.into())?;
    outgoing::set_json(&mut request);
    outgoing::set_idempotency_key(&mut request, &call.idempotency_key);
    Ok(request)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one attempt, each used once")]
async fn stream(
    terms: Terms<'_>,
    provider: &Provider,
    same: bool,
    streamed: bool,
    source: Source,
    reply: &Reply,
    out: HeaderMap,
    attempt: &mut Attempt,
) -> Result<(Answer, Option<Usage>), ApiError> {
    let client = dialect(terms.call.dialect);
    if !streamed {
        // The vendor ignored `stream`: its whole answer is told as a stream.
        let body = collect(source, terms.snapshot.config.server.max_response).await?;
        let response = provider.speaks(terms.call.dialect).read_response(&body)?;
        let usage = response.usage;
        let mut events = Vec::new();
        unfold(response, &mut events);
        let mut encoder = terms.call.encoder(reply);
        let mut text = bytes::BytesMut::new();
        events.into_iter().for_each(|event: Event| encoder.event(event, &mut text));
        succeeded(attempt, usage);
        let mut answer = Answer::json(text.freeze(), out);
        answer.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(client.framing().content_type()));
        return Ok((answer, usage));
    }
    let vendor = provider.speaks(terms.call.dialect);
    let framing = vendor.framing();
    let mode = if same && !terms.call.wants_whole_calls() {
        Mode::Relay(client.tap(reply, &provider.quirks))
    } else {
        Mode::Translate { decoder: vendor.decoder(), encoder: terms.call.encoder(reply), events: Vec::new() }
    };
    let mut stream =
        EventStream::new(source, framing, mode, client, terms.snapshot.config.server.max_event, provider.timeout.min_tokens_per_second);
    stream.prime().await?;
    attempt.content(true);
    let usage = stream.usage();
    Ok((Answer::events(stream, out), usage))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one attempt, each used once")]
async fn whole(
    terms: Terms<'_>,
    provider: &Provider,
    same: bool,
    streamed: bool,
    source: Source,
    reply: &Reply,
    out: HeaderMap,
    attempt: &mut Attempt,
) -> Result<(Answer, Option<Usage>), ApiError> {
    let client = dialect(terms.call.dialect);
    let body = collect(source, terms.snapshot.config.server.max_response).await?;
    let (body, usage) = if streamed {
        // The vendor streams although it was not asked to: the stream is collected.
        let response = gather(provider.speaks(terms.call.dialect), &body)?;
        let usage = response.usage;
        (client.write_response(response, reply).into(), usage)
    } else if same {
        let edited = client.edit_response(body, reply, &provider.quirks)?;
        (edited.body, edited.usage)
    } else {
        let response = provider.speaks(terms.call.dialect).read_response(&body)?;
        let usage = response.usage;
        (client.write_response(response, reply).into(), usage)
    };
    succeeded(attempt, usage);
    Ok((Answer::json(body, out), usage))
}

/// All of the answer is here: the upstream has done its part.
fn succeeded(attempt: &mut Attempt, usage: Option<Usage>) {
    attempt.content(false);
    attempt.end(&End { status: 200, usage, ..End::new(AttemptClass::Success) });
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

pub(super) fn refused_here(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Deterministic, status: error.status, hopeless: true, error }
}

pub(super) fn ambiguous(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Ambiguous, status: error.status, hopeless: false, error }
}

pub(super) fn send_failed(error: &SendError) -> Failed {
    // A certificate does not become valid by asking again.
    let hopeless = error.kind == SendErrorKind::TlsUntrusted;
    let told = vendor_error::of_send(error);
    Failed { class: error.kind.class(), status: told.status, hopeless, error: told }
}

fn is_stream(vendor: &dyn Dialect, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    kind.is_some_and(|kind| vendor.framing().is_stream(kind))
}

/// A metric label of a closed set: OpenAI's request fields, everything else is one.
fn known_field(field: &str) -> &str {
    const FIELDS: [&str; 43] = [
        "audio",
        "best_of",
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
        "verbosity",
        "web_search_options",
    ];
    if FIELDS.contains(&field) { field } else { "other" }
}
