//! Floor 8: exporting traces and usage records to a collector by OTLP. One task does it beside all requests: what the queue
//! holds is sent now and then, tried again for a while, and given up and counted when that does not help.

mod encode;
mod proto;
mod send;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::Otlp;
use crate::runtime::Runtime;
use crate::trace::{BATCH, Record};
use send::{Collector, Signal};

/// Attempts at one export.
const ATTEMPTS: u32 = 5;
const BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(16);
/// While nothing is exported the configuration is looked at as often.
const IDLE: Duration = Duration::from_secs(5);
/// What the last export may take when the process ends.
const PARTING: Duration = Duration::from_secs(2);

/// Exports for ever what requests leave behind.
pub async fn run(runtime: Arc<Runtime>) {
    let collector = Collector::new();
    loop {
        let interval = runtime.snapshot().config.telemetry.otlp.as_ref().map_or(IDLE, |otlp| otlp.interval);
        tokio::select! {
            () = runtime.records.many() => {}
            () = tokio::time::sleep(interval) => {}
        }
        export(&runtime, &collector, ATTEMPTS).await;
    }
}

/// Exports what is left when the process ends, in one attempt.
pub async fn finish(runtime: &Runtime) {
    let collector = Collector::new();
    if tokio::time::timeout(PARTING, export(runtime, &collector, 1)).await.is_err() {
        tracing::warn!("the collector did not take the last spans in time");
    }
}

async fn export(runtime: &Runtime, collector: &Collector, attempts: u32) {
    let records = runtime.records.take();
    let snapshot = runtime.snapshot();
    let Some(otlp) = snapshot.config.telemetry.otlp.as_ref().filter(|_| !records.is_empty()) else { return };
    let (mut spans, mut usage) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::Span(span) => spans.push(span),
            Record::Usage(record) => usage.push(record),
        }
    }
    let metrics = &runtime.metrics.telemetry;
    for (signal, count, message) in batches(spans, |batch| encode::spans(batch, &otlp.resource))
        .map(|(count, message)| (Signal::Traces, count, message))
        .chain(batches(usage, |batch| encode::usage(batch, &otlp.resource)).map(|(count, message)| (Signal::Logs, count, message)))
    {
        let refused = send(collector, otlp, signal, &message, attempts).await.unwrap_or(count);
        metrics.failed.inc_by(refused.min(count));
        metrics.sent.inc_by(count.saturating_sub(refused));
    }
}

/// Messages of so many records each.
fn batches<T>(records: Vec<T>, encode: impl Fn(Vec<T>) -> Bytes) -> impl Iterator<Item = (u64, Bytes)> {
    let mut records = records.into_iter();
    std::iter::from_fn(move || {
        let batch: Vec<T> = records.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then(|| (batch.len() as u64, encode(batch)))
    })
}

/// How many records the collector refused; `None` where it took nothing at all.
async fn send(collector: &Collector, otlp: &Otlp, signal: Signal, message: &Bytes, attempts: u32) -> Option<u64> {
    let mut backoff = BACKOFF;
    for attempt in 1.. {
        let unsent = match collector.export(otlp, signal, message.clone()).await {
            Ok(refused) => return Some(refused),
            Err(unsent) => unsent,
        };
        let Some(wait) = unsent.again.filter(|_| attempt < attempts) else {
            tracing::warn!(?signal, why = unsent.why, "telemetry could not be exported and is dropped");
            return None;
        };
        tracing::debug!(?signal, why = unsent.why, "an export failed and is tried again");
        tokio::time::sleep(wait.max(backoff.mul_f64(0.5 + fastrand::f64() / 2.0)).min(MAX_BACKOFF)).await;
        backoff = (2 * backoff).min(MAX_BACKOFF);
    }
    None
}
