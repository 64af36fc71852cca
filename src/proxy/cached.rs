//! The response cache around the attempts: a route that has one answers the very same request of the same client again with
//! the answer it kept, asks once for requests that come at the same time, and keeps what the upstream answers. Who may call
//! and what for is decided before.

mod policy;

use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName};
use http::{StatusCode, Uri};
use tokio::time::Instant;

use super::call::Call;
use super::meter::Meter;
use super::respond::{self, Answer, Content};
use super::worker::Worker;
use super::{forward, headers};
use crate::base::outcome::CacheResult;
use crate::cache::{Entry, Found, Key, Lead, Recorder};
use crate::chat::ApiError;
use crate::runtime::{Candidate, ClientEntry, Snapshot, Target};

/// An answer's headers that belong to it. The others tell of one exchange: limits, times, ids.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, CACHE_CONTROL, respond::ACCEL_BUFFERING, HeaderName::from_static("openai-version")];

/// Answers a chat request, from the cache if it can.
pub(super) async fn run(
    worker: &Arc<Worker>,
    snapshot: &Arc<Snapshot>,
    client: Option<&ClientEntry>,
    uri: &Uri,
    call: Arc<Call>,
    meter: &mut Meter,
) -> Result<Answer, ApiError> {
    let plan = call.resolved.plan(call.conversation, Instant::now());
    let keeping = match look(worker, snapshot, client, uri, &call, plan.first(), meter).await? {
        Look::Found(answer) => return Ok(answer),
        Look::Ask(keeping) => keeping,
    };
    let answer = forward::run(worker, snapshot, call, &plan, meter).await?;
    if let Some(keeping) = keeping {
        keeping.record(worker, &answer, meter);
    }
    Ok(answer)
}

enum Look {
    Found(Answer),
    /// The upstream is asked, and its answer is kept or not.
    Ask(Option<Keeping>),
}

/// Where the answer that is asked for is to be kept.
struct Keeping {
    key: Key,
    /// Of the requests that wait for this one; dropped when there is nothing for them.
    lead: Option<Lead>,
    ttl: Duration,
    /// The only one whose answer is what the key means.
    target: Arc<Target>,
}

async fn look(
    worker: &Worker,
    snapshot: &Snapshot,
    client: Option<&ClientEntry>,
    uri: &Uri,
    call: &Call,
    first: Option<&Candidate>,
    meter: &mut Meter,
) -> Result<Look, ApiError> {
    let cached = call.resolved.route().and_then(|route| route.cache);
    let (Some(cached), Some(Candidate { target, .. })) = (cached, first) else { return Ok(Look::Ask(None)) };
    let wish = policy::wish(&call.headers);
    if wish.no_store || !(cached.any || policy::is_deterministic(&call.body)) {
        meter.set_cache(CacheResult::Bypass);
        return Ok(Look::Ask(None));
    }
    let key = policy::key(snapshot, client, uri, call, target);
    let keeping = |lead| Look::Ask(Some(Keeping { key, lead, ttl: cached.ttl, target: Arc::clone(target) }));
    if wish.no_cache {
        meter.set_cache(CacheResult::Bypass);
        return Ok(keeping(None));
    }
    meter.set_cache(CacheResult::Miss);
    let (result, entry) = match worker.runtime.cache.find(&key, Instant::now()) {
        Found::First(lead) => return Ok(keeping(Some(lead))),
        Found::Kept(entry) => (CacheResult::Hit, entry),
        Found::Later(wait) => {
            // Nobody waits longer for another's answer than for the beginning of an own one.
            let timeout = &target.provider.timeout;
            let total = headers::total_timeout(&call.headers, timeout.total);
            let by = meter.started() + total.min(timeout.first_token);
            match tokio::time::timeout_at(by, wait.answer()).await {
                Ok(Some(entry)) => (CacheResult::Shared, entry),
                Ok(None) => return Ok(keeping(None)),
                Err(_) if meter.started() + total <= Instant::now() => {
                    return Err(ApiError::timeout("the same request, whose answer was waited for, did not end within the time allowed"));
                }
                Err(_) => return Ok(keeping(None)),
            }
        }
    };
    meter.set_cache(result);
    meter.repeat(target, &entry.dropped);
    Ok(Look::Found(repeat(entry, call.view.stream)))
}

/// A kept answer as an answer.
fn repeat(entry: Arc<Entry>, stream: bool) -> Answer {
    let headers = entry.headers.clone();
    let content = if stream { Content::Kept(entry) } else { Content::Whole(entry.body()) };
    Answer { status: StatusCode::OK, headers, content }
}

impl Keeping {
    /// Has the answer recorded on its way to the client, if it is the one that the key means.
    fn record(self, worker: &Worker, answer: &Answer, meter: &mut Meter) {
        let own =
            meter.target().is_some_and(|target| target.provider.name == self.target.provider.name && target.model == self.target.model);
        if !own || answer.status != StatusCode::OK || meter.is_degraded() {
            return;
        }
        let mut kept = HeaderMap::with_capacity(KEPT.len());
        for name in KEPT {
            if let Some(value) = answer.headers.get(&name) {
                kept.insert(name, value.clone());
            }
        }
        let cache = Arc::clone(&worker.runtime.cache);
        meter.record_answer(Recorder::new(cache, self.key, self.lead, self.ttl, kept, meter.dropped().to_vec()));
    }
}
