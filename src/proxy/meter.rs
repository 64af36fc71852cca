//! One request's bookkeeping. The meter rides on the answer's body and fires exactly once, when the body ends, breaks or is
//! dropped by the client: metrics, the access log, later also cost and usage.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tokio::time::Instant;

use super::access_log::Line;
use super::client_connection::{ClientConnection, Phase};
use super::worker::Worker;
use crate::base::id;
use crate::base::outcome::{AttemptClass, Outcome};
use crate::chat::{ApiError, Dropped, Usage};
use crate::runtime::{ClientEntry, Target};

/// What is known of a request so far.
pub struct Meter {
    worker: Arc<Worker>,
    connection: Arc<ClientConnection>,
    pub request_id: Arc<str>,
    started: Instant,
    method: http::Method,
    endpoint: &'static str,
    client: Option<Arc<ClientEntry>>,
    model: Option<String>,
    target: Option<Target>,
    status: u16,
    error: Option<String>,
    stream: bool,
    attempts: u32,
    dropped: Vec<String>,
    first_content: Option<Instant>,
    last_content: Option<Instant>,
    pieces: u32,
    bytes: u64,
    usage: Option<Usage>,
    outcome: Option<Outcome>,
}

impl Meter {
    pub(super) fn new<B>(worker: &Arc<Worker>, connection: Arc<ClientConnection>, request: &Request<B>) -> Self {
        connection.enter(Phase::Serving);
        worker.runtime.metrics.active.inc();
        Self {
            worker: Arc::clone(worker),
            connection,
            request_id: id::request_id().into(),
            started: Instant::now(),
            method: request.method().clone(),
            endpoint: "unknown",
            client: None,
            model: None,
            target: None,
            status: 0,
            error: None,
            stream: false,
            attempts: 0,
            dropped: Vec::new(),
            first_content: None,
            last_content: None,
            pieces: 0,
            bytes: 0,
            usage: None,
            outcome: None,
        }
    }

    pub(super) fn set_endpoint(&mut self, endpoint: &'static str) {
        self.endpoint = endpoint;
    }

    pub(super) fn set_client(&mut self, client: Option<&Arc<ClientEntry>>) {
        self.client = client.cloned();
    }

    pub(super) fn set_model(&mut self, model: &str, stream: bool) {
        self.model = Some(model.to_owned());
        self.stream = stream;
    }

    pub(super) fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    /// The attempt at `target` begins.
    pub(super) fn attempt(&mut self, target: &Target) {
        self.attempts += 1;
        self.target = Some(target.clone());
        if self.attempts == 1 {
            self.worker.runtime.metrics.overhead.observe(self.started.elapsed().as_secs_f64());
        }
    }

    /// What became of the attempt under way.
    pub(super) fn attempt_ended(&self, class: AttemptClass) {
        if let Some(target) = &self.target {
            target.metrics(&self.worker.runtime.metrics).attempt(class);
        }
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn set_dropped(&mut self, dropped: &Dropped) {
        self.dropped = dropped.iter().map(str::to_owned).collect();
    }

    pub(super) fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// A piece of the answer's content arrived.
    pub(super) fn content(&mut self, now: Instant) {
        self.first_content.get_or_insert(now);
        self.last_content = Some(now);
        self.pieces += 1;
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(super) fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn failed(&mut self, error: &ApiError, outcome: Outcome) {
        self.error = Some(error.code.as_deref().unwrap_or("vendor_error").to_owned());
        self.outcome.get_or_insert(outcome);
        self.worker.runtime.metrics.error(super::classify::metric_code(error));
    }

    /// The answer is whole and handed over.
    pub(super) fn complete(&mut self) {
        self.outcome.get_or_insert(Outcome::Complete);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.outcome.is_some()
    }

    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    fn record(&self, outcome: Outcome) {
        let metrics = &self.worker.runtime.metrics;
        let duration = self.started.elapsed();
        let first_token = self.first_content.map(|at| at - self.started);
        // A client that went away before an answer got none: nginx's word for it.
        let status = if self.status == 0 { 499 } else { self.status };
        if let Some(target) = &self.target {
            let target = target.metrics(metrics);
            target.request(metrics, status, duration);
            if let (Some(after), true) = (first_token, self.stream) {
                target.first_token(after);
            }
            if let (Some(first), Some(last), 2..) = (self.first_content, self.last_content, self.pieces) {
                target.inter_token((last - first) / (self.pieces - 1));
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
        if !self.worker.runtime.snapshot().config.log.access {
            return;
        }
        self.worker.access_log.write(&Line {
            time: jiff::Timestamp::now().to_string(),
            level: "INFO",
            message: "request",
            request_id: &self.request_id,
            client: self.client.as_ref().map(|c| c.name.as_str()),
            method: self.method.as_str(),
            endpoint: self.endpoint,
            model: self.model.as_deref(),
            provider: self.target.as_ref().map(|t| t.provider.name.as_str()),
            upstream_model: self.target.as_ref().map(|t| &*t.model),
            status,
            outcome: outcome.as_str(),
            error: self.error.as_deref(),
            stream: self.stream,
            attempts: self.attempts,
            dropped: &self.dropped,
            duration_ms: milliseconds(duration),
            first_token_ms: first_token.map(milliseconds),
            bytes: self.bytes,
            prompt_tokens: self.usage.map(|u| u.prompt),
            completion_tokens: self.usage.map(|u| u.completion),
            cached_tokens: self.usage.and_then(|u| u.cached),
            reasoning_tokens: self.usage.and_then(|u| u.reasoning),
        });
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.worker.runtime.metrics.active.dec();
        self.connection.enter(Phase::Idle);
        let outcome = self.outcome.unwrap_or(Outcome::Cancelled);
        if outcome == Outcome::Cancelled && self.attempts > 0 {
            self.attempt_ended(AttemptClass::ClientCancel);
        }
        self.record(outcome);
    }
}

/// Milliseconds with three decimals.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
