//! Token counts: asked of the vendor where it speaks the client's dialect, else estimated.

use std::sync::Arc;

use http::Method;
use http::header::{CONTENT_ENCODING, HeaderMap};
use tokio::time::Instant;

use super::attempt::{read_vendor_error, send_error};
use super::body::collect::collect;
use super::body::source::{Deadlines, Source};
use super::call::Call;
use super::meter::Meter;
use super::outgoing;
use super::respond::Answer;
use super::worker::Worker;
use crate::base::outcome::AttemptClass;
use crate::chat::ApiError;
use crate::dialect::{CountTokens, To, estimate_tokens};
use crate::vendor::Endpoint;

const MAX_ANSWER: usize = 64 << 10;

pub(super) async fn run(worker: &Arc<Worker>, call: Call, counter: &dyn CountTokens, meter: &mut Meter) -> Result<Answer, ApiError> {
    let target = call.targets.first().ok_or_else(|| ApiError::internal("a route without targets"))?;
    let provider = &*target.provider;
    if provider.dialect_id() != call.dialect {
        let tokens = estimate_tokens(&call.body);
        let mut headers = HeaderMap::new();
        headers.insert("x-llm-estimated", http::HeaderValue::from_static("input_tokens"));
        return Ok(Answer::json(counter.write_count(tokens), headers));
    }
    let to = To { model: provider.body_model(&target.model), quirks: &provider.quirks, want_usage: false };
    let written = counter.edit_count(&call.body, &to)?;
    let path = provider.path(Endpoint::Other(&counter.count_path(&target.model)), &target.model, call.query.as_deref());
    let mut request = outgoing::request(provider, Method::POST, &path, &call.headers, call.dialect, written.body.into())?;
    outgoing::set_json(&mut request);
    meter.attempt(target);
    let by = Instant::now() + provider.timeout.first_token;
    let response = match tokio::time::timeout_at(by, worker.pool.send(&provider.origin, request, provider.timeout.connect)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            meter.attempt_ended(error.kind.class());
            return Err(send_error(&error));
        }
        Err(_) => {
            meter.attempt_ended(AttemptClass::Ambiguous);
            return Err(ApiError::timeout("the upstream did not answer within the time allowed"));
        }
    };
    let idle = provider.timeout.idle;
    let deadlines = Deadlines { first: Some(by), idle, content_idle: idle, total: by, heartbeat: idle };
    let (head, body) = response.into_parts();
    let coding = head.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok());
    let body = collect(Source::new(body, coding, MAX_ANSWER, deadlines)?, MAX_ANSWER).await?;
    if !head.status.is_success() {
        meter.attempt_ended(AttemptClass::Deterministic);
        return Err(read_vendor_error(provider, head.status, &head.headers, &body));
    }
    meter.attempt_ended(AttemptClass::Success);
    Ok(Answer::json(body, HeaderMap::new()))
}
