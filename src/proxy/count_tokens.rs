//! Token counts: asked of the vendor where it counts, in whatever dialect, else estimated.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{Method, Response};
use tokio::time::Instant;

use super::admit::{Load, Spend, Wish};
use super::attempt::Attempt;
use super::bill::Billing;
use super::body::collect::collect;
use super::body::source::{Deadlines, Source};
use super::call::Call;
use super::exchange::{Failed, ambiguous, refused_here};
use super::meter::Meter;
use super::respond::{Answer, ESTIMATED};
use super::send::send;
use super::worker::Worker;
use super::{outgoing, single};
use crate::chat::ApiError;
use crate::dialect::{CountTokens, To, estimate_tokens};
use crate::runtime::{Snapshot, Target};
use crate::upstream::Expect;

const MAX_ANSWER: usize = 64 << 10;

pub(super) async fn run(
    worker: &Arc<Worker>,
    snapshot: &Snapshot,
    call: Arc<Call>,
    counter: &dyn CountTokens,
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let plan = call.resolved.plan(None, Instant::now());
    let target = &plan.first().ok_or_else(|| ApiError::internal("a route without targets"))?.target;
    let provider = &*target.provider;
    let Some(question) = question(&call, counter, target)? else {
        return Ok(estimated(&call, counter));
    };
    let by = Instant::now() + provider.timeout.first_token;
    // Counting generates nothing: no limit on tokens is asked.
    let client = call.client.as_deref().unwrap_or_default();
    let spend = Spend { snapshot, model: &call.view.model, headers: &call.headers, billing: Billing::Nothing };
    let wish = Wish { worker, client, load: Load::Prompt(0), spend, conversation: None, by };
    let mut attempt = single::begin(wish, target, meter).await?;
    let is_relayed = question.is_relayed;
    let answered = ask(worker, &call, counter, question, &mut attempt, by).await;
    // Some vendors count for a part of their models only, or not all that a request may hold.
    let refused = answered.as_ref().is_err_and(|failed| matches!(failed.status, 400 | 404 | 405 | 422 | 501));
    match single::end(&mut attempt, answered) {
        Err(_) if refused && !is_relayed => Ok(estimated(&call, counter)),
        answered => answered.map(|body| Answer::json(body, HeaderMap::new())),
    }
}

fn estimated(call: &Call, counter: &dyn CountTokens) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(ESTIMATED, http::HeaderValue::from_static("input_tokens"));
    Answer::json(counter.write_count(estimate_tokens(&call.body)), headers)
}

/// What a vendor is asked that counts tokens itself.
struct Question {
    vendor: &'static dyn CountTokens,
    body: Bytes,
    /// The vendor counts in the client's own dialect.
    is_relayed: bool,
}

/// `None` where the vendor cannot count, or not what the client sent.
fn question(call: &Call, counter: &dyn CountTokens, target: &Target) -> Result<Option<Question>, ApiError> {
    let provider = &*target.provider;
    let Some(vendor) = target.dialect().count_tokens() else { return Ok(None) };
    let to = To { model: provider.body_model(&target.model), quirks: &provider.quirks, want_usage: false };
    if target.dialect_id() == call.dialect {
        return Ok(Some(Question { vendor, body: counter.edit_count(&call.body, &to)?.body, is_relayed: true }));
    }
    let request = counter.read_count_request(&call.body)?;
    Ok(vendor.write_count_request(&request, &to).ok().map(|body| Question { vendor, body, is_relayed: false }))
}

async fn ask(
    worker: &Worker,
    call: &Call,
    counter: &dyn CountTokens,
    question: Question,
    attempt: &mut Attempt,
    by: Instant,
) -> Result<Bytes, Failed> {
    let target = Arc::clone(&attempt.target);
    let provider = &*target.provider;
    let Question { vendor, body, is_relayed } = question;
    let query = call.query.as_deref().filter(|_| is_relayed);
    let path = target.count_path(vendor, query);
    let body = body.into();
    let uri = outgoing::uri(&path).map_err(refused_here)?;
    let mut request = outgoing::request(&target, attempt.credential, Method::POST, uri, &call.headers, call.dialect, body);
    attempt.propagate(request.headers_mut());
    outgoing::set_json(&mut request);
    let response = send(worker, provider, attempt.credential, Box::new(request), Expect::Whole, by).await?;
    let idle = provider.timeout.idle;
    let deadlines = Deadlines { first: Some(by), idle, content_idle: idle, total: by, heartbeat: idle };
    let (head, body) = response.into_parts();
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let mut source = Source::new(body, coding, MAX_ANSWER, deadlines).map_err(ambiguous)?;
    let is_success = head.status.is_success();
    if !is_success {
        return Err(single::refused_by_vendor(&target, &Response::from_parts(head, ()), source).await);
    }
    let body = collect(&mut source, MAX_ANSWER).await.map_err(ambiguous)?;
    if is_relayed {
        return Ok(body);
    }
    let tokens = vendor.read_count(&body).map_err(ambiguous)?;
    Ok(counter.write_count(tokens).into())
}
