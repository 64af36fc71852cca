//! Requests beside chat that are translated: embeddings and rerank. They go through the targets as chat does, but ask and
//! answer in one piece, and a vendor that takes less at once than the client gave is asked several times at once.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use http::{Method, Response};
use tokio::time::Instant;

use super::arriving::succeeded;
use super::attempt::Attempt;
use super::body::collect::collect;
use super::body::source::{Deadlines, Source};
use super::call::{Asked, Call};
use super::exchange::{Accepted, Failed, Terms, ambiguous, note_dropped, refused_here};
use super::meter::Meter;
use super::respond::{self, Answer};
use super::send::send;
use super::worker::Worker;
use super::{classify, forward, headers, outgoing, rate_hint, single, vendor_error};
use crate::chat::{ApiError, ErrorKind, Fault};
use crate::dialect::side::{Asking, Sent};
use crate::dialect::{To, embeddings, rerank};
use crate::runtime::{Candidate, Snapshot, Target};
use crate::upstream::Expect;
use crate::vendor::Endpoint;

/// Requests that one attempt has under way at once.
const AT_ONCE: usize = 8;

pub(super) async fn run(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, call: Arc<Call>, meter: &mut Meter) -> Result<Answer, ApiError> {
    let plan = plan(&call)?;
    forward::run(worker, snapshot, call, &plan, meter).await
}

/// The targets that have the endpoint. Vectors of two models have nothing to do with each other: where they are asked for,
/// all targets are of one model, which is that of the first in the file that has the endpoint, whatever the strategy.
fn plan(call: &Call) -> Result<Vec<Candidate>, ApiError> {
    let mut plan = call.resolved.plan(None, Instant::now());
    plan.retain(|candidate| has_endpoint(&candidate.target, call.asked));
    if let Asked::Embeddings(_) = call.asked {
        let first = call.resolved.targets().into_iter().find(|target| has_endpoint(target, call.asked));
        let model = first.map(|target| base_name(&target.model).to_owned());
        plan.retain(|candidate| model.as_deref() == Some(base_name(&candidate.target.model)));
    }
    if plan.is_empty() {
        let message = format!("`{}` is served by a vendor that does not have this endpoint", call.view.model);
        let error = ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "unsupported_endpoint", message);
        return Err(error.with_param("model"));
    }
    Ok(plan)
}

fn has_endpoint(target: &Target, asked: Asked) -> bool {
    let vendor = target.provider.vendor;
    match asked {
        Asked::Chat => true,
        Asked::Embeddings(client) => {
            let formats = vendor.embeddings();
            formats.contains(&client) || formats.iter().any(|id| embeddings::embeddings(*id).serves(&target.model))
        }
        Asked::Rerank(client) => {
            let formats = vendor.rerank();
            formats.contains(&client) || formats.iter().any(|id| rerank::rerank(*id).serves(&target.model))
        }
    }
}

/// The model's name without the vendor's that some write before it.
fn base_name(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// Asks the attempt's target.
pub(super) async fn ask(terms: Terms<'_>, attempt: &mut Attempt) -> Result<Box<Accepted>, Failed> {
    let Terms { worker, snapshot, call, give_up_at, .. } = terms;
    let target = Arc::clone(&attempt.target);
    let provider = &*target.provider;
    let Asking { calls, dropped, answer } = asking(call, &target).map_err(refused_here)?;
    note_dropped(worker, snapshot, &target, &dropped).map_err(refused_here)?;
    let by = (Instant::now() + provider.timeout.first_token).min(give_up_at);
    let attempt_now = &*attempt;
    let sent = stream::iter(calls).map(|sent| one(terms, attempt_now, sent, by)).buffered(AT_ONCE);
    let mut answers: Vec<(HeaderMap, Bytes)> = sent.try_collect().await?;
    let mut out = answers.last_mut().map(|(headers, _)| std::mem::take(headers)).unwrap_or_default();
    headers::to_client(&mut out, &[]);
    let answered = answer(answers.into_iter().map(|(_, body)| body).collect()).map_err(|mut error| {
        error.message = vendor_error::redacted(provider, &error.message);
        Failed { class: classify::in_band(&error), status: error.status, hopeless: false, error: Box::new(error) }
    })?;
    if answered.is_estimated {
        out.insert(respond::ESTIMATED, HeaderValue::from_static("input_tokens"));
    }
    succeeded(attempt, answered.usage, 0);
    let dropped = dropped.iter().map(str::to_owned).collect();
    Ok(Box::new(Accepted { answer: Answer::json(answered.body, out), attempt: None, usage: answered.usage, dropped }))
}

fn asking(call: &Call, target: &Target) -> Result<Asking, ApiError> {
    let provider = &*target.provider;
    let to = To { model: provider.body_model(&target.model), quirks: &provider.quirks, want_usage: true };
    match call.asked {
        Asked::Chat => Err(ApiError::internal("chat is asked in another way")),
        Asked::Embeddings(client) => embeddings::ask(client, provider.vendor.embeddings(), &call.body, &to),
        Asked::Rerank(client) => rerank::ask(client, provider.vendor.rerank(), &call.body, &to),
    }
}

/// One request and its whole answer.
async fn one(terms: Terms<'_>, attempt: &Attempt, sent: Sent, by: Instant) -> Result<(HeaderMap, Bytes), Failed> {
    let Terms { worker, snapshot, call, give_up_at, .. } = terms;
    let provider = &*attempt.target.provider;
    let path = provider.path(Endpoint::Other(&sent.path), &attempt.target.model, None);
    let body = sent.body.into();
    let uri = outgoing::uri(&path).map_err(refused_here)?;
    let mut request = outgoing::request(&attempt.target, attempt.credential, Method::POST, uri, &call.headers, call.dialect, body);
    attempt.propagate(request.headers_mut());
    outgoing::set_json(&mut request);
    let response = send(worker, provider, attempt.credential, Box::new(request), Expect::Whole, by).await?;
    let idle = provider.timeout.idle;
    let deadlines = Deadlines { first: Some(by), idle, content_idle: idle, total: give_up_at, heartbeat: idle };
    let (head, body) = response.into_parts();
    let (requests, tokens) = rate_hint::remaining(&head.headers);
    attempt.lower(requests, tokens);
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let most = snapshot.config.server.max_response;
    let mut source = Source::new(body, coding, most, deadlines).map_err(ambiguous)?;
    if !head.status.is_success() {
        return Err(single::refused_by_vendor(&attempt.target, &Response::from_parts(head, ()), source).await);
    }
    let body = collect(&mut source, most).await.map_err(ambiguous)?;
    Ok((head.headers, body))
}
