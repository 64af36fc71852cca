//! One attempt at one upstream: what it holds while it is under way, and what it tells when it ends. It rides on the answer's
//! body, and whatever becomes of that, it ends exactly once: permits go back, tokens are settled, the breaker and the metrics
//! learn what became of it. Dropped without a word it was cancelled, which is nobody's fault.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::bill::{Billing, Bills, Ending, Item};
use super::trace::AttemptTrace;
use super::worker::Worker;
use crate::base::outcome::{AttemptClass, Billed, BreakerVerdict, LimiterSignal};
use crate::chat::Usage;
use crate::limit::{Grant, RetryPermit, Ticket, UnderWay};
use crate::runtime::{Circuit, InFlight, NotBefore, Reserved, Target};
use crate::trace::Record;

/// A credential that the vendor refuses, or whose money is gone, is left alone for so long.
const PARKED: Duration = Duration::from_secs(60);
/// A longer cooldown is not believed.
const MAX_COOLING: Duration = Duration::from_secs(300);

/// Of an answer whose tokens nobody counted. An event with content is one token at the least.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

pub struct Attempt {
    worker: Arc<Worker>,
    pub target: Arc<Target>,
    /// Which of the provider's credentials is used.
    pub credential: usize,
    ticket: Option<Ticket>,
    grants: [Option<Grant>; 2],
    _in_flight: InFlight,
    _budget: Budget,
    begun: Instant,
    has_content: bool,
    /// An estimate of the prompt's tokens.
    prompt: u64,
    has_ended: bool,
    billing: Billing,
    /// What it may cost, held back of budgets.
    reserved: Option<Reserved>,
    /// Counts the attempts of its request, the first being 1.
    number: u32,
    /// Of its request; none of a copy.
    bills: Option<Bills>,
    /// Where the request is traced.
    trace: Option<Box<AttemptTrace>>,
}

/// What an attempt counts as in its provider's retry budget, held for what dropping it does.
pub(super) struct Budget {
    /// Of the request at this provider: the same for all its attempts there.
    _request: Arc<UnderWay>,
    /// For an attempt that is not the first one.
    _retry: Option<RetryPermit>,
    /// For a hedge: of the route.
    _hedge: Option<RetryPermit>,
}

impl Budget {
    pub(super) fn new(request: Arc<UnderWay>, retry: Option<RetryPermit>, hedge: Option<RetryPermit>) -> Self {
        Self { _request: request, _retry: retry, _hedge: hedge }
    }

    /// The request's first attempt at the target's provider.
    pub(super) fn first(target: &Target, now: Instant) -> Self {
        Self::new(Arc::new(target.budget().request(now)), None, None)
    }
}

/// What an attempt was granted by its target.
pub(super) struct Admitted {
    pub credential: usize,
    pub ticket: Option<Ticket>,
    pub grants: [Option<Grant>; 2],
    /// An estimate of the prompt's tokens.
    pub prompt: u64,
    pub billing: Billing,
    pub reserved: Reserved,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub class: AttemptClass,
    /// The vendor's own status, 0 where none came.
    pub status: u16,
    /// When the vendor said to come back.
    pub retry_after: Option<Duration>,
    pub usage: Option<Usage>,
    /// Bytes of content that the client got.
    pub delivered: u64,
    /// How long the content took from its first piece to its last.
    pub content_time: Duration,
}

impl End {
    pub fn new(class: AttemptClass) -> Self {
        Self { class, status: 0, retry_after: None, usage: None, delivered: 0, content_time: Duration::ZERO }
    }
}

impl Attempt {
    /// In a box, as it goes from hand to hand.
    pub(super) fn new(worker: &Arc<Worker>, target: &Arc<Target>, admitted: Admitted, budget: Budget, begun: Instant) -> Box<Self> {
        Box::new(Self {
            worker: Arc::clone(worker),
            target: Arc::clone(target),
            credential: admitted.credential,
            ticket: admitted.ticket,
            grants: admitted.grants,
            _in_flight: target.measures().begin(),
            _budget: budget,
            begun,
            has_content: false,
            prompt: admitted.prompt,
            has_ended: false,
            billing: admitted.billing,
            reserved: Some(admitted.reserved),
            number: 0,
            bills: None,
            trace: None,
        })
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Tells the upstream what trace it belongs to.
    pub(super) fn propagate(&self, headers: &mut HeaderMap) {
        if let Some(trace) = &self.trace {
            trace.propagate(headers);
        }
    }

    /// Makes it an attempt of a request, the one of this number.
    pub(super) fn belongs_to(&mut self, number: u32, bills: &Bills, trace: Option<Box<AttemptTrace>>) {
        self.number = number;
        self.bills = Some(bills.clone());
        self.trace = trace;
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The names of budgets that are nearly spent.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.reserved.iter().flat_map(Reserved::warnings)
    }

    /// The vendor said in its headers how much it would still take.
    pub(super) fn lower(&self, requests: Option<u64>, tokens: Option<u64>) {
        if (requests, tokens) == (None, None) {
            return;
        }
        let now = Instant::now();
        for limiter in self.target.limiters().into_iter().flatten() {
            if let Some(remaining) = requests {
                limiter.lower_requests(now, remaining);
            }
            if let Some(remaining) = tokens {
                limiter.lower_tokens(now, remaining);
            }
        }
    }

    /// The answer has begun. `streamed`: its time says how fast the upstream begins, and not how long it answers.
    pub(super) fn content(&mut self, now: Instant, streamed: bool) {
        if self.has_content {
            return;
        }
        self.has_content = true;
        if let Some(ticket) = &mut self.ticket {
            ticket.content(now);
        }
        if streamed {
            if let Some(trace) = &mut self.trace {
                trace.first_token(now);
            }
            let after = now - self.begun;
            self.target.measures().first_token(now, after);
            for grant in self.grants.iter_mut().flatten() {
                grant.first_token(now, after);
            }
        }
    }

    /// Tells everyone what became of the attempt; only the first call counts.
    pub(super) fn end(&mut self, now: Instant, end: &End) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let metrics = &self.worker.runtime.metrics;
        self.target.metrics(metrics).attempt(metrics, end.class);
        if let Some(trace) = self.trace.take() {
            self.worker.runtime.records.push(Record::Span(trace.end(&self.target, end)));
        }
        self.judge(now, end);
        self.rest(now, end);
        self.bill(end);
        let tokens = self.tokens(end);
        let is_drop = end.class.limiter(end.status) == LimiterSignal::Dropped;
        for mut grant in self.grants.iter_mut().filter_map(Option::take) {
            if is_drop {
                grant.dropped(now);
            }
            match end.class {
                AttemptClass::NotSent => grant.rollback(now),
                _ => grant.settle(now, tokens),
            }
        }
    }

    fn bill(&mut self, end: &End) {
        let ending = Ending {
            worker: &self.worker,
            target: &self.target,
            billing: self.billing,
            reserved: self.reserved.take(),
            has_content: self.has_content,
            prompt: self.prompt,
            end,
        };
        let bill = ending.bill();
        if let Some(bills) = &self.bills {
            bills.0.lock().push(Item { number: self.number, target: Arc::clone(&self.target), class: end.class, bill });
        }
    }

    fn judge(&mut self, now: Instant, end: &End) {
        let Some(mut ticket) = self.ticket.take() else { return };
        match end.class.breaker(end.status) {
            BreakerVerdict::Success if self.was_slow(end) => ticket.failure(now, None),
            BreakerVerdict::Success => ticket.success(now),
            BreakerVerdict::Failure => ticket.failure(now, end.retry_after),
            BreakerVerdict::RateLimited => ticket.rate_limited(now, end.retry_after),
            BreakerVerdict::Neutral => ticket.neutral(),
        }
    }

    fn was_slow(&self, end: &End) -> bool {
        let least = self.target.provider.breaker.min_tokens_per_second;
        let tokens = end.usage.map_or(end.delivered.div_ceil(BYTES_PER_TOKEN), |usage| usage.completion);
        least > 0 && end.content_time >= Duration::from_secs(1) && (tokens as f64) < f64::from(least) * end.content_time.as_secs_f64()
    }

    /// Leaves a credential alone that the vendor does not want just now.
    fn rest(&self, now: Instant, end: &End) {
        if let (AttemptClass::Refused, 429, Some(wait)) = (end.class, end.status, end.retry_after)
            && let Some(circuit) = self.circuit()
        {
            circuit.cooling.extend(now + wait.min(MAX_COOLING));
        }
        let is_refused = end.class == AttemptClass::Deterministic && matches!(end.status, 401 | 403);
        if (is_refused || end.class == AttemptClass::QuotaGone)
            && let Some(parked) = self.parked()
        {
            parked.extend(now + PARKED);
        }
    }

    fn circuit(&self) -> Option<&Arc<Circuit>> {
        self.target.circuits().get(self.credential)
    }

    fn parked(&self) -> Option<&Arc<NotBefore>> {
        self.target.parked().get(self.credential)
    }

    /// What the attempt has used of the limits on tokens: as the vendor counts, else as far as it can be told.
    fn tokens(&self, end: &End) -> u64 {
        match end.usage {
            Some(usage) => usage.total(),
            None if end.class.billed() == Billed::No => 0,
            None => self.prompt + end.delivered.div_ceil(BYTES_PER_TOKEN),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end(Instant::now(), &End::new(AttemptClass::ClientCancel));
        }
    }
}
