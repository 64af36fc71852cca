//! One exchange with one upstream: the request is written for it and sent, and the answer judged by its head and by the first
//! content of its body. Until then nothing has gone to the client.

use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Response};
use tokio::time::Instant;

use super::admit::{Spend, Wish};
use super::arriving::Arriving;
use super::attempt::{Attempt, End};
use super::bill::Billing;
use super::body::source::{Deadlines, Source};
use super::call::{Asked, Call};
use super::respond::Answer;
use super::send::send;
use super::worker::Worker;
use super::{beside, classify, headers, outgoing, rate_hint, thinking, vendor_error};
use crate::base::outcome::AttemptClass;
use crate::base::parts::Parts;
use crate::chat::{ApiError, Dropped, Usage};
use crate::config::Unsupported;
use crate::dialect::{To, Written, dialect, estimate_tokens};
use crate::runtime::{Snapshot, Target};
use crate::upstream::{self, Expect, SendError, SendErrorKind};

/// An answer that has begun, and the attempt it comes by.
pub(super) struct Accepted {
    pub answer: Answer,
    /// `None` where no upstream was asked.
    pub attempt: Option<Box<Attempt>>,
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
    /// In a box, as the many attempts that do not fail go from hand to hand.
    pub error: Box<ApiError>,
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
            load: self.call.load(),
            spend: Spend { snapshot: self.snapshot, model: &self.call.view.model, headers: &self.call.headers, billing: Billing::Tokens },
            conversation: self.call.conversation,
            by: self.give_up_at,
        }
    }
}

/// Asks the attempt's target. A failed attempt has ended, an accepted one goes on with the answer's body.
pub(super) async fn exchange(terms: Terms<'_>, mut attempt: Box<Attempt>) -> Result<Box<Accepted>, Failed> {
    let asked = match terms.call.asked {
        Asked::Chat => ask(terms, &mut attempt).await,
        // In a box: a chat request need not be as large.
        Asked::Embeddings(_) | Asked::Rerank(_) => beside::ask(terms, &mut attempt).boxed().await,
    };
    match asked {
        Ok(mut accepted) => {
            accepted.attempt = Some(attempt);
            Ok(accepted)
        }
        Err(mut failed) => {
            if failed.error.status == 504 && terms.is_clients_time && Instant::now() >= terms.give_up_at {
                failed.class = AttemptClass::ClientCancel;
            }
            attempt.end(Instant::now(), &End { status: failed.status, retry_after: failed.error.retry_after, ..End::new(failed.class) });
            Err(failed)
        }
    }
}

async fn ask(terms: Terms<'_>, attempt: &mut Attempt) -> Result<Box<Accepted>, Failed> {
    let Terms { worker, snapshot, call, give_up_at, .. } = terms;
    let target = Arc::clone(&attempt.target);
    let provider = &*target.provider;
    let same = target.speaks(call.dialect).id() == call.dialect;
    let (written, dropped) = write(terms, &target, same).map_err(refused_here)?;
    let request = prepare(call, attempt, written).map_err(refused_here)?;
    let first_token_at = (attempt.begun() + provider.timeout.first_token).min(give_up_at);
    let expect = if call.view.stream { Expect::Stream } else { Expect::Whole };
    let response = send(worker, provider, attempt.credential, Box::new(request), expect, first_token_at).await?;
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
        // In a box, as few answers are errors.
        let error = vendor_error::read(&target, &Response::from_parts(head, ()), source).boxed().await;
        return Err(Failed { class: classify::answer(status, &error), status, hopeless: false, error: Box::new(error) });
    }
    let mut reply = call.reply(&target.model);
    if !same && dialect(call.dialect).tells_prompt_first() {
        reply.prompt_estimate = estimate_tokens(&call.body);
    }
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let streamed = kind.is_some_and(|kind| target.speaks(call.dialect).framing().is_stream(kind));
    let mut out = head.headers;
    headers::to_client(&mut out, &[]);
    if call.view.stream {
        // hyper keeps it as long as the connection, and there may be thousands of these: in no more room than it needs.
        let mut small = HeaderMap::with_capacity(12);
        small.extend(out);
        out = small;
    }
    let watch = if same { None } else { thinking::watch(worker, call, &target) };
    // In a box, as it goes from hand to hand.
    let arriving = Box::new(Arriving { terms, target: &target, same, streamed, source, reply, watch, headers: out });
    let answered = arriving.take(attempt).await;
    let dropped = dropped.iter().map(str::to_owned).collect();
    answered.map(|(answer, usage)| Box::new(Accepted { answer, attempt: None, usage, dropped })).map_err(|mut error| {
        error.message = vendor_error::redacted(provider, &error.message);
        Failed { class: classify::in_band(&error), status: error.status, hopeless: false, error: Box::new(error) }
    })
}

fn to(target: &Target) -> To<'_> {
    To { model: target.provider.body_model(&target.model), quirks: &target.provider.quirks, want_usage: true }
}

/// Writes the request for the target: edited where both ends speak the same dialect, translated where they do not.
fn write(Terms { worker, snapshot, call, .. }: Terms<'_>, target: &Target, same: bool) -> Result<(Parts, Dropped), ApiError> {
    let to = to(target);
    let (written, dropped) = if same {
        dialect(call.dialect).edit_laid_out(&call.body, &call.view.layout, &to)?
    } else {
        let request = thinking::restored(worker, call, target)?;
        let Written { body, dropped } = target.dialect().write_request(request.as_ref(), &to)?;
        (body.into(), dropped)
    };
    note_dropped(worker, snapshot, target, &dropped)?;
    Ok((written, dropped))
}

/// Tells of fields that the target cannot express, or refuses the request for them.
pub(super) fn note_dropped(worker: &Worker, snapshot: &Snapshot, target: &Target, dropped: &Dropped) -> Result<(), ApiError> {
    if let Some(field) = dropped.iter().next() {
        let (provider, model) = (&target.provider, &target.model);
        match snapshot.config.unsupported {
            Unsupported::Drop => {}
            Unsupported::Warn => {
                let fields: Vec<&str> = dropped.iter().collect();
                tracing::warn!(provider = provider.name, ?fields, "the target cannot express these fields; they were dropped");
            }
            Unsupported::Reject => {
                let message = format!("`{field}` cannot be expressed for the model `{model}` (translation.unsupported: reject)");
                return Err(ApiError::invalid("unsupported_parameter", field, message));
            }
        }
    }
    for field in dropped.iter() {
        worker.runtime.metrics.dropped(known_field(field));
    }
    Ok(())
}

fn prepare(call: &Call, attempt: &Attempt, body: Parts) -> Result<http::Request<upstream::RequestBody>, ApiError> {
    let target = &*attempt.target;
    let spoken = target.speaks(call.dialect);
    let query = call.query.as_deref().filter(|_| spoken.id() == call.dialect);
    let asked = if spoken.id() == call.dialect { call.body.clone() } else { body.joined() };
    let envelope = spoken.envelope(&to(target), call.view.stream, &asked);
    let path = || outgoing::uri(&target.chat_path(&envelope.path, call.view.stream, query));
    let uri = if query.is_none() { target.chat_uri(&envelope.path, path)? } else { path()? };
    let mut request = outgoing::request(target, attempt.credential, Method::POST, uri, &call.headers, call.dialect, body.into());
    attempt.propagate(request.headers_mut());
    outgoing::set_json(&mut request);
    for (name, value) in envelope.headers {
        request.headers_mut().insert(*name, http::HeaderValue::from_static(value));
    }
    outgoing::set_idempotency_key(&mut request, &call.idempotency_key);
    Ok(request)
}

#[cold]
pub(super) fn refused_here(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Deterministic, status: error.status, hopeless: true, error: Box::new(error) }
}

#[cold]
pub(super) fn ambiguous(error: ApiError) -> Failed {
    Failed { class: AttemptClass::Ambiguous, status: error.status, hopeless: false, error: Box::new(error) }
}

#[cold]
pub(super) fn send_failed(error: &SendError) -> Failed {
    // A certificate does not become valid by asking again, nor an address another.
    let hopeless = matches!(error.kind, SendErrorKind::TlsUntrusted | SendErrorKind::Inside);
    let told = vendor_error::of_send(error);
    Failed { class: error.kind.class(), status: told.status, hopeless, error: Box::new(told) }
}

/// A metric label of a closed set: OpenAI's request fields, everything else is one.
fn known_field(field: &str) -> &str {
    const FIELDS: [&str; 48] = [
        "audio",
        "best_of",
        "cache_control",
        "detail",
        "dimensions",
        "embedding_types",
        "file",
        "frequency_penalty",
        "function_call",
        "functions",
        "image",
        "image_url",
        "input_audio",
        "input_type",
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
        "title",
        "tool_choice",
        "tool_result_image",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "truncate",
        "user",
        "verbosity",
        "web_search_options",
    ];
    if FIELDS.contains(&field) { field } else { "other" }
}
