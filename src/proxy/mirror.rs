//! Copies of requests for another target, sent beside the request itself and forgotten: the client's answer never waits for
//! them, and theirs are thrown away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::admit;
use super::attempt::{Attempt, Budget, End};
use super::bill::Bills;
use super::call::{Asked, Call};
use super::exchange::{Accepted, Terms, exchange};
use super::keepers::Keepers;
use super::respond::Content;
use super::tags;
use super::worker::Worker;
use crate::base::id;
use crate::base::outcome::{AttemptClass, Outcome};
use crate::runtime::{Snapshot, Target};
use crate::usage::{Charge, Record, Summary};

/// Copies under way in one worker; what would be more is not sent.
const MOST: usize = 64;

/// Counts the copies of one worker.
#[derive(Default)]
pub struct Mirrored(AtomicUsize);

struct Copying(Arc<Worker>);

impl Drop for Copying {
    fn drop(&mut self) {
        self.0.mirrored.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends a copy of a chat call, if its route asks for one.
pub(super) fn begin(worker: &Arc<Worker>, snapshot: &Arc<Snapshot>, call: &Arc<Call>) {
    let Some(mirror) = call.resolved.route().and_then(|route| route.mirror.as_ref()) else { return };
    if call.asked != Asked::Chat || fastrand::f64() >= mirror.sample {
        return;
    }
    if worker.mirrored.0.fetch_add(1, Ordering::Relaxed) >= MOST {
        worker.mirrored.0.fetch_sub(1, Ordering::Relaxed);
        worker.runtime.metrics.mirror("skipped");
        return;
    }
    let copying = Copying(Arc::clone(worker));
    let (snapshot, call, target) = (Arc::clone(snapshot), Arc::clone(call), Arc::clone(&mirror.target));
    tokio::spawn(async move {
        let (bills, begun) = (Bills::default(), Instant::now());
        let result = send(&copying.0, &snapshot, &call, &target, &bills).await;
        copying.0.runtime.metrics.mirror(result);
        record(&copying.0, &snapshot, &call, &bills, result == "ok", begun.elapsed());
    });
}

/// A copy is billed as any other request, so it has a record of its own, if it was sent.
fn record(worker: &Worker, snapshot: &Snapshot, call: &Call, bills: &Bills, is_ok: bool, took: Duration) {
    let (keepers, bills) = (Keepers::of(worker, snapshot), bills.0.lock());
    let Some(item) = bills.first().filter(|_| !keepers.is_empty()) else { return };
    let summary = Summary {
        time: &jiff::Timestamp::now().to_string(),
        request_id: &id::request_id(),
        outcome: if is_ok { Outcome::Complete } else { Outcome::Failed }.as_str(),
        status: if is_ok { 200 } else { 0 },
        client: call.client.as_deref(),
        endpoint: "mirror",
        model: Some(&call.view.model),
        provider: Some(&item.target.provider.name),
        upstream_model: Some(&item.target.model),
        upstream_members: Some(item.target.usage_members()),
        stream: call.view.stream,
        attempts: 1,
        duration: took,
        ..Summary::default()
    };
    let record = Record {
        tags: &tags::of(&call.headers),
        label: Some(item.target.label()),
        mirror: true,
        reported_cost: item.charge().and_then(Charge::reported_money),
        ..item.record(&summary, worker.runtime.prices.book().currency())
    };
    keepers.record(&record, None);
}

async fn send(worker: &Arc<Worker>, snapshot: &Snapshot, call: &Call, target: &Arc<Target>, bills: &Bills) -> &'static str {
    let now = Instant::now();
    let terms = Terms { worker, snapshot, call, give_up_at: now + target.provider.timeout.total, is_clients_time: false };
    let Ok(admitted) = admit::upstream(terms.wish(), target, 0, false).await else {
        return "skipped";
    };
    let begun = Instant::now();
    let mut attempt = Attempt::new(worker, target, admitted, Budget::first(target, begun), begun);
    attempt.belongs_to(1, bills, None);
    let Ok(accepted) = exchange(terms, attempt).await else { return "error" };
    let Accepted { answer, attempt: Some(mut attempt), usage, .. } = *accepted else { return "error" };
    let mut end = End { status: 200, usage, ..End::new(AttemptClass::Success) };
    if let Content::Events(stream) = answer.content {
        match stream.drain().await {
            Ok(usage) => end.usage = usage.or(end.usage),
            Err(_) => end.class = AttemptClass::Committed,
        }
    }
    let result = if end.class == AttemptClass::Success { "ok" } else { "error" };
    attempt.end(Instant::now(), &end);
    result
}
