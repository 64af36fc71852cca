//! What is told of a request when it has ended: metrics, the access log, the record of use and the span.

use std::time::Duration;

use super::Meter;
use crate::base::outcome::{CacheResult, Outcome};
use crate::proxy::access_log::Line;
use crate::proxy::keepers::Keepers;
use crate::usage::Money;

/// How a request ended.
pub(super) struct Ended {
    /// RFC 3339 in UTC.
    pub time: String,
    pub outcome: Outcome,
    /// 499 where the client went away before an answer: nginx's word for it.
    pub status: u16,
    pub duration: Duration,
    /// From the request's begin to the first content.
    pub first_token: Option<Duration>,
    /// Where it is traced.
    pub trace_id: Option<String>,
    /// What it cost, in the currency that is reported in, where that is known.
    pub total: Option<Money>,
}

impl Meter {
    pub(super) fn tell(&mut self, outcome: Outcome) {
        let ended = Ended {
            time: jiff::Timestamp::now().to_string(),
            outcome,
            status: if self.status == 0 { 499 } else { self.status },
            duration: self.started.elapsed(),
            first_token: self.first_content.map(|at| at - self.started),
            trace_id: self.trace.as_ref().map(|trace| trace.id()),
            total: self.total(),
        };
        self.observe(&ended);
        let snapshot = self.worker.runtime.snapshot();
        let keepers = Keepers::of(&self.worker, &snapshot);
        if !keepers.is_empty() {
            self.record(&keepers, &ended);
        }
        self.export(&ended);
        if snapshot.config.log.access {
            self.log(&ended);
        }
    }

    fn observe(&self, ended: &Ended) {
        let metrics = &self.worker.runtime.metrics;
        if let Some(result) = self.cache {
            metrics.cache.count(result);
        }
        let Some(target) = &self.target else { return };
        let trace_id = ended.trace_id.as_deref();
        let target = target.metrics(metrics);
        target.request(metrics, ended.status, ended.duration, trace_id);
        if let (Some(after), true) = (ended.first_token, self.stream) {
            target.first_token(metrics, after, trace_id);
        }
        if let (Some(first), Some(last), 2..) = (self.first_content, self.last_content, self.pieces) {
            target.inter_token(metrics, (last - first) / (self.pieces - 1));
        }
        if let Some(usage) = &self.usage {
            target.tokens(
                usage.prompt,
                usage.completion,
                usage.cached.unwrap_or(0),
                usage.cache_write.unwrap_or(0),
                usage.reasoning.unwrap_or(0),
            );
        }
    }

    fn log(&self, ended: &Ended) {
        self.worker.access_log.write(&Line {
            time: &ended.time,
            request_id: &self.request_id,
            client: self.client.as_ref().map(|c| c.name.as_str()),
            method: self.method.as_str(),
            endpoint: self.endpoint,
            model: self.model.as_deref(),
            provider: self.target.as_ref().map(|t| t.provider.name.as_str()),
            upstream_model: self.target.as_ref().map(|t| &*t.model),
            status: ended.status,
            outcome: ended.outcome.as_str(),
            error: self.error.as_deref(),
            stream: self.stream,
            attempts: self.attempts,
            degraded: self.is_degraded,
            dropped: &self.dropped,
            cache: self.cache.map(CacheResult::as_str),
            duration: ended.duration,
            first_token: ended.first_token,
            bytes: self.bytes,
            trace_id: ended.trace_id.as_deref(),
            prompt_tokens: self.usage.map(|u| u.prompt),
            completion_tokens: self.usage.map(|u| u.completion),
            cost_nano: ended.total.map(|total| total.nano),
            cost_currency: ended.total.as_ref().map(|total| total.currency.as_str()),
            cached_tokens: self.usage.and_then(|u| u.cached),
            reasoning_tokens: self.usage.and_then(|u| u.reasoning),
        });
    }
}
