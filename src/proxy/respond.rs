//! From what came of a request to an HTTP answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::admit::BUDGET_EXCEEDED;
use super::body::event_stream::EventStream;
use super::body::raw::Raw;
use super::body::source::Source;
use super::body::{Body, Replay, Whole};
use super::meter::Meter;
use crate::base::outcome::Outcome;
use crate::cache::Entry;
use crate::chat::{ApiError, DialectId, Fault, LimitState, LimitUnit};
use crate::dialect::dialect;
use crate::price::Nano;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-llm-provider");
const MODEL: HeaderName = HeaderName::from_static("x-llm-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-llm-attempts");
const CACHE: HeaderName = HeaderName::from_static("x-llm-cache");
const DROPPED: HeaderName = HeaderName::from_static("x-llm-dropped");
const DEGRADED: HeaderName = HeaderName::from_static("x-llm-degraded");
/// What an answer tells that nobody has counted.
pub(super) const ESTIMATED: HeaderName = HeaderName::from_static("x-llm-estimated");
/// What the request cost, where that is known before its answer begins.
const COST: HeaderName = HeaderName::from_static("x-llm-cost");
const COST_CURRENCY: HeaderName = HeaderName::from_static("x-llm-cost-currency");
/// The names of budgets that are nearly spent.
const BUDGET_WARNING: HeaderName = HeaderName::from_static("x-llm-budget-warning");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
pub(super) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// For an upstream that is overloaded and does not say for how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);
/// OpenAI's SDKs do not wait longer than this.
const MAX_RETRY_AFTER: u64 = 120;

/// A successful answer, before it is written.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub content: Content,
}

pub(super) enum Content {
    Whole(Bytes),
    Events(Box<EventStream>),
    /// A stream from the cache.
    Kept(Arc<Entry>),
    Raw(Box<Source>),
}

impl Answer {
    /// JSON with the headers of the vendor that may pass.
    pub(super) fn json(body: impl Into<Bytes>, mut headers: HeaderMap) -> Self {
        headers.insert(CONTENT_TYPE, JSON);
        Self { status: StatusCode::OK, headers, content: Content::Whole(body.into()) }
    }

    pub(super) fn text(text: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Self { status: StatusCode::OK, headers, content: Content::Whole(Bytes::from_static(text.as_bytes())) }
    }

    pub(super) fn events(stream: Box<EventStream>, mut headers: HeaderMap) -> Self {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(stream.content_type()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Self { status: StatusCode::OK, headers, content: Content::Events(stream) }
    }
}

/// The answer with its body, which takes the meter along.
pub(super) fn finish(answer: Answer, mut meter: Box<Meter>) -> Response<Body> {
    meter.set_status(answer.status.as_u16());
    let mut headers = answer.headers;
    identify(&mut headers, &meter);
    let body = match answer.content {
        Content::Whole(bytes) => Body::Whole(Whole::new(bytes, meter)),
        Content::Events(mut stream) => {
            stream.commit(meter);
            Body::Events(stream)
        }
        Content::Kept(entry) => Body::Replay(Box::new(Replay::new(entry, meter))),
        Content::Raw(source) => Body::Raw(Box::new(Raw::new(*source, meter))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}

/// An error in the client's dialect.
#[cold]
pub(super) fn error(error: &ApiError, client: DialectId, allow: Option<&'static str>, mut meter: Box<Meter>) -> Response<Body> {
    let status = dialect(client).client_status(error);
    meter.set_status(status);
    meter.failed(error, Outcome::Failed);
    let body = dialect(client).write_error(error, &meter.request_id);
    let mut headers = HeaderMap::with_capacity(10);
    headers.insert(CONTENT_TYPE, JSON);
    identify(&mut headers, &meter);
    if let Some(classes) = dialect(client).error_classes() {
        headers.insert(classes.header(), HeaderValue::from_static(classes.class(error)));
    }
    let unavailable = matches!(error.status, 503 | 529).then_some(DEFAULT_RETRY_AFTER);
    if let Some(wait) = error.retry_after.or(unavailable) {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        if error.code.as_deref() == Some(BUDGET_EXCEEDED) {
            // When the budget starts anew, which no SDK is to wait for.
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        } else {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.clamp(1, MAX_RETRY_AFTER)));
            let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).clamp(1, MAX_RETRY_AFTER * 1000);
            headers.insert(RETRY_AFTER_MS, HeaderValue::from(milliseconds));
        }
    }
    for limit in &error.limits {
        limit_headers(limit, &mut headers);
    }
    if let Some(should) = error.should_retry {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(if should { "true" } else { "false" }));
    }
    if let Some(allow) = allow.filter(|_| status == 405) {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    // The rest of a body that was not read would be taken for the next request.
    if matches!(status, 400 | 408 | 413)
        && error.fault == Fault::Client
        && matches!(error.code.as_deref(), Some("malformed_body" | "client_body_timeout" | "request_too_large" | "bad_host"))
    {
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    let mut response = Response::new(Body::Whole(Whole::new(body.into(), meter)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

/// A limit in OpenAI's words.
fn limit_headers(state: &LimitState, headers: &mut HeaderMap) {
    let [limit, remaining, reset] = match state.unit {
        LimitUnit::Requests => ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
        LimitUnit::Tokens => ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    };
    headers.insert(limit, HeaderValue::from(state.limit));
    headers.insert(remaining, HeaderValue::from(state.remaining));
    if let Ok(value) = HeaderValue::try_from(clock(state.reset)) {
        headers.insert(reset, value);
    }
}

/// A time as OpenAI writes it: `88ms`, `1s`, `6m0s`.
fn clock(time: Duration) -> String {
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    match (seconds, milliseconds) {
        (0, _) => format!("{milliseconds}ms"),
        (1..60, 0) => format!("{seconds}s"),
        (1..60, _) => format!("{seconds}.{milliseconds:03}s"),
        _ => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

/// The headers that say what the sidecar did.
fn identify(headers: &mut HeaderMap, meter: &Meter) {
    headers.insert(ANTHROPIC_REQUEST_ID, meter.request_id_header.clone());
    headers.insert(REQUEST_ID, meter.request_id_header.clone());
    if let Some(target) = meter.target() {
        if let Some(name) = &target.provider.name_header {
            headers.insert(PROVIDER, name.clone());
        }
        if let Some(model) = &target.model_header {
            headers.insert(MODEL, model.clone());
        }
        headers.insert(ATTEMPTS, HeaderValue::from(meter.attempts()));
    }
    if let Some(cost) = meter.total().filter(|_| meter.answers_whole())
        && let (Ok(amount), Ok(currency)) =
            (HeaderValue::try_from(Nano(cost.nano).to_string()), HeaderValue::from_str(cost.currency.as_str()))
    {
        headers.insert(COST, amount);
        headers.insert(COST_CURRENCY, currency);
    }
    if !meter.warnings().is_empty()
        && let Ok(names) = HeaderValue::try_from(meter.warnings().join(", "))
    {
        headers.insert(BUDGET_WARNING, names);
    }
    if meter.is_degraded() {
        headers.insert(DEGRADED, HeaderValue::from_static("true"));
    }
    if let Some(result) = meter.cache() {
        headers.insert(CACHE, HeaderValue::from_static(result.as_str()));
    }
    if !meter.dropped().is_empty()
        && let Ok(fields) = HeaderValue::from_str(&meter.dropped().join(", "))
    {
        headers.insert(DROPPED, fields);
    }
}
