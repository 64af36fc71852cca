//! What is told of a request when it has ended: metrics, the access log, the record of use and the span.

use std::cell::OnceCell;
use std::time::Duration;

use tokio::time::Instant;

use super::Meter;
use crate::base::outcome::{CacheResult, Outcome};
use crate::proxy::access_log::Line;
use crate::proxy::keepers::Keepers;
use crate::usage::{Money, Summary};

/// How a request ended.
pub(super) struct Ended<'a> {
    pub summary: Summary<'a>,
    pub outcome: Outcome,
    /// Where it is traced.
    pub trace_id: Option<String>,
    /// What it cost, in the currency that is reported in, where that is known.
    pub total: Option<Money>,
}

impl Meter {
    /// The request has ended just `now`.
    pub(super) fn tell(&mut self, outcome: Outcome, now: Instant) {
        let (trace, capture) = (self.trace.take(), self.capture.take());
        let time = jiff::Timestamp::now().to_string();
        let ended = Ended {
            summary: self.summary(&time, outcome, now - self.started),
            outcome,
            trace_id: trace.as_ref().map(|trace| trace.id()),
            total: self.total(),
        };
        self.observe(&ended);
        let snapshot = self.worker.runtime.snapshot();
        let keepers = Keepers::of(&self.worker, &snapshot);
        if !keepers.is_empty() {
            self.record(&keepers, &ended, trace.as_ref().map(|trace| trace.context()));
        }
        if let Some(trace) = trace {
            self.export(*trace, capture, &ended);
        }
        if snapshot.config.log.access {
            self.log(&ended);
        }
    }

    /// `time` is now, `duration` since the request's begin.
    fn summary<'a>(&'a self, time: &'a str, outcome: Outcome, duration: Duration) -> Summary<'a> {
        Summary {
            time,
            request_id: &self.request_id,
            outcome: outcome.as_str(),
            // nginx's word for a client that went away before an answer.
            status: if self.status == 0 { 499 } else { self.status },
            error: self.error.as_deref(),
            client: self.client.as_ref().map(|client| client.name.as_str()),
            endpoint: self.endpoint,
            model: self.model.as_deref(),
            provider: self.target.as_ref().map(|target| target.provider.name.as_str()),
            upstream_model: self.target.as_ref().map(|target| &*target.model),
            upstream_members: self.target.as_ref().map(|target| target.usage_members()),
            stream: self.stream,
            attempts: self.attempts,
            cache: self.cache.map(CacheResult::as_str),
            duration,
            first_token: self.first_content.map(|at| at - self.started),
            json: OnceCell::new(),
        }
    }

    fn observe(&self, ended: &Ended<'_>) {
        let metrics = &self.worker.runtime.metrics;
        if let Some(result) = self.cache {
            metrics.cache.count(result);
        }
        let Some(target) = &self.target else { return };
        let trace_id = ended.trace_id.as_deref();
        let target = target.metrics(metrics);
        target.request(metrics, ended.summary.status, ended.summary.duration, trace_id);
        if let (Some(after), true) = (ended.summary.first_token, self.stream) {
            target.first_token(metrics, after, trace_id);
        }
        if let (Some(first), Some(last), 2..) = (self.first_content, self.last_content, self.pieces) {
            target.inter_token(metrics, (last - first) / (self.pieces - 1));
        }
        if let Some(usage) = &self.usage {
            target.tokens(
                metrics,
                usage.prompt,
                usage.completion,
                usage.cached.unwrap_or(0),
                usage.cache_write.unwrap_or(0),
                usage.reasoning.unwrap_or(0),
            );
        }
    }

    fn log(&self, ended: &Ended<'_>) {
        self.worker.access_log.write(&Line {
            summary: &ended.summary,
            method: self.method.as_str(),
            degraded: self.is_degraded,
            dropped: &self.dropped,
            bytes: self.bytes,
            trace_id: ended.trace_id.as_deref(),
            usage: self.usage.as_ref(),
            cost: ended.total,
        });
    }
}
