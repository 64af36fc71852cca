//! One request's bookkeeping. The meter rides on the answer's body and fires exactly once, when the body ends, breaks or is
//! dropped by the client: metrics, the access log, the record of use and the span.

mod ended;
mod tally;
mod telemetry;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use tokio::time::Instant;

use super::admit::Granted;
use super::attempt::{Attempt, BYTES_PER_TOKEN, End};
use super::bill::Bills;
use super::capture::Capture;
use super::client_connection::{ClientConnection, Phase};
use super::tags;
use super::trace::Trace;
use super::worker::Worker;
use crate::base::id;
use crate::base::outcome::{AttemptClass, CacheResult, Outcome};
use crate::cache::Recorder;
use crate::chat::{ApiError, ErrorKind, Fault, Usage};
use crate::runtime::{ClientEntry, Tally, Target};

/// What is known of a request so far.
pub struct Meter {
    worker: Arc<Worker>,
    connection: Arc<ClientConnection>,
    pub request_id: Arc<str>,
    pub request_id_header: HeaderValue,
    started: Instant,
    method: http::Method,
    endpoint: &'static str,
    client: Option<Arc<ClientEntry>>,
    model: Option<String>,
    target: Option<Arc<Target>>,
    /// What the client's own limits granted.
    grant: Option<Granted>,
    /// The attempt that the answer comes by.
    attempt: Option<Box<Attempt>>,
    /// What its attempts cost.
    bills: Bills,
    /// The number of the attempt that the answer comes by.
    answered: Option<u32>,
    /// Budgets that are nearly spent.
    warnings: Vec<String>,
    tags: Vec<String>,
    is_degraded: bool,
    /// The client itself has limited the time: running out of it is nobody's failure.
    is_clients_time: bool,
    status: u16,
    error: Option<String>,
    stream: bool,
    attempts: u32,
    dropped: Vec<String>,
    first_content: Option<Instant>,
    last_content: Option<Instant>,
    pieces: u32,
    /// Bytes of content in the answer so far, as far as the dialect can tell.
    content_bytes: u64,
    bytes: u64,
    usage: Option<Usage>,
    outcome: Option<Outcome>,
    cache: Option<CacheResult>,
    /// Where the answer is gathered that is to be kept.
    recorder: Option<Box<Recorder>>,
    /// Where the request is traced.
    trace: Option<Box<Trace>>,
    /// Bodies for the trace, where it is to have them.
    capture: Option<Box<Capture>>,
    /// Where it is counted how the request ends.
    tally: Option<Arc<Tally>>,
}

impl Meter {
    /// Whether the sidecar itself is asking.
    pub(super) fn is_internal(&self) -> bool {
        self.connection.is_internal()
    }

    /// In a box: it goes from the request's future into the answer's body, and is large.
    pub(super) fn new<B>(worker: &Arc<Worker>, connection: Arc<ClientConnection>, request: &Request<B>) -> Box<Self> {
        let started = Instant::now();
        connection.enter(Phase::Serving, started);
        worker.runtime.metrics.active.inc();
        let request_id = id::request_id();
        Box::new(Self {
            worker: Arc::clone(worker),
            connection,
            // Letters and digits, which any header takes.
            request_id_header: HeaderValue::from_str(&request_id).unwrap_or(HeaderValue::from_static("-")),
            request_id: request_id.into(),
            started,
            method: request.method().clone(),
            endpoint: "unknown",
            client: None,
            model: None,
            target: None,
            grant: None,
            attempt: None,
            bills: Bills::default(),
            answered: None,
            warnings: Vec::new(),
            tags: tags::of(request.headers()),
            is_degraded: false,
            is_clients_time: false,
            status: 0,
            error: None,
            stream: false,
            attempts: 0,
            dropped: Vec::new(),
            first_content: None,
            last_content: None,
            pieces: 0,
            content_bytes: 0,
            bytes: 0,
            usage: None,
            outcome: None,
            cache: None,
            recorder: None,
            trace: None,
            capture: None,
            tally: None,
        })
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

    /// The client's limits let the request in.
    pub(super) fn grant(&mut self, grant: Option<Granted>) {
        self.grant = grant;
    }

    /// An attempt begins.
    pub(super) fn attempt(&mut self, attempt: &mut Attempt) {
        self.attempts += 1;
        self.target = Some(Arc::clone(&attempt.target));
        attempt.belongs_to(self.attempts, &self.bills, self.trace_attempt());
        for name in attempt.warnings() {
            if !self.warnings.iter().any(|known| known == name) {
                self.warnings.push(name.to_owned());
            }
        }
        if self.attempts == 1 {
            self.worker.runtime.metrics.overhead.observe((attempt.begun() - self.started).as_secs_f64(), None);
        }
    }

    /// The answer comes by this attempt, which ends with it.
    pub(super) fn carry(&mut self, attempt: Box<Attempt>) {
        self.target = Some(Arc::clone(&attempt.target));
        self.answered = Some(attempt.number());
        self.attempt = Some(attempt);
    }

    /// What became of the attempt that the answer comes by.
    pub(super) fn attempt_ended(&mut self, class: AttemptClass) {
        if self.attempt.as_ref().is_some_and(|attempt| !attempt.has_ended()) {
            let end = self.end(class);
            self.attempt.iter_mut().for_each(|attempt| attempt.end(Instant::now(), &end));
        }
    }

    fn end(&self, class: AttemptClass) -> End {
        let content_time = self.first_content.zip(self.last_content).map_or(Duration::ZERO, |(first, last)| last - first);
        End { usage: self.usage, delivered: self.content_bytes, content_time, ..End::new(class) }
    }

    pub(super) fn set_clients_time(&mut self, is_clients_time: bool) {
        self.is_clients_time = is_clients_time;
    }

    /// What a failure within the answer says of the attempt.
    pub(super) fn class_of_failure(&self, error: &ApiError) -> AttemptClass {
        let is_ours = error.fault != Fault::Upstream || self.is_clients_time && error.kind == ErrorKind::Timeout;
        if is_ours { AttemptClass::ClientCancel } else { AttemptClass::Committed }
    }

    /// The answer is that of the last resort.
    pub(super) fn set_degraded(&mut self) {
        self.is_degraded = true;
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.is_degraded
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The budgets that are nearly spent.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn set_dropped(&mut self, dropped: Vec<String>) {
        self.dropped = dropped;
    }

    pub(super) fn dropped(&self) -> &[String] {
        &self.dropped
    }

    /// A piece of the answer's content arrived, of about so many bytes.
    pub(super) fn content(&mut self, now: Instant, bytes: u64) {
        self.content_bytes += bytes;
        self.first_content.get_or_insert(now);
        self.last_content = Some(now);
        self.pieces += 1;
    }

    /// Bytes of the answer are handed over.
    pub(super) fn sent(&mut self, bytes: &Bytes) {
        self.bytes += bytes.len() as u64;
        self.gather(bytes);
    }

    /// Bytes of the answer for whoever records it.
    pub(super) fn gather(&mut self, bytes: &Bytes) {
        if let Some(capture) = &mut self.capture {
            capture.answer(bytes);
        }
        if self.recorder.as_mut().is_some_and(|recorder| recorder.push(bytes).is_err()) {
            self.recorder = None;
        }
    }

    /// What the cache of the route did.
    pub(super) fn set_cache(&mut self, result: CacheResult) {
        self.cache = Some(result);
    }

    pub(super) fn cache(&self) -> Option<CacheResult> {
        self.cache
    }

    /// The answer is one of `target` that was kept: no attempt is made, and nothing is billed.
    pub(super) fn repeat(&mut self, target: &Arc<Target>, dropped: &[String]) {
        self.target = Some(Arc::clone(target));
        self.dropped = dropped.to_vec();
    }

    /// The answer is recorded from now on, and kept if it becomes complete.
    pub(super) fn record_answer(&mut self, recorder: Recorder) {
        self.recorder = Some(Box::new(recorder));
    }

    pub(super) fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    pub(super) fn failed(&mut self, error: &ApiError, outcome: Outcome) {
        self.error = Some(error.code.as_deref().unwrap_or("vendor_error").to_owned());
        self.outcome.get_or_insert(outcome);
        self.count_failure(error);
        self.recorder = None;
        self.worker.runtime.metrics.error(super::classify::metric_code(error));
    }

    /// The answer is whole and handed over.
    pub(super) fn complete(&mut self) {
        self.outcome.get_or_insert(Outcome::Complete);
        if let Some(recorder) = self.recorder.take() {
            recorder.finish(Instant::now());
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.outcome.is_some()
    }

    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let now = Instant::now();
        self.worker.runtime.metrics.active.dec();
        self.connection.enter(Phase::Idle, now);
        let outcome = self.outcome.unwrap_or(Outcome::Cancelled);
        self.attempt_ended(AttemptClass::ClientCancel);
        if let Some(Granted { grant, prompt }) = self.grant.take() {
            // What no upstream has answered costs the client none of its tokens.
            let estimated = if self.attempt.is_some() { prompt + self.content_bytes.div_ceil(BYTES_PER_TOKEN) } else { 0 };
            grant.settle(now, self.usage.map_or(estimated, |usage| usage.total()));
        }
        self.count(outcome);
        self.tell(outcome, now);
    }
}
