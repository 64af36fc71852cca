//! What is under a limiter's lock: the limits, and the queue before them. Every step is synchronous and short.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::limits::{Blocked, Limits, Taken};
use super::refusal::{Refusal, RefusalKind};
use super::settings::{LimiterSettings, QueueSettings};
use super::view::{Quotas, View};
use super::waiting::Waiter;
use crate::limit::permits::Permits;
use crate::limit::queue::{FairQueue, Place};

#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    queue: FairQueue<Arc<Waiter>>,
    queue_settings: Option<QueueSettings>,
    /// The latest time seen. Threads read the clock before they get the lock; here time does not go back, so that what is given
    /// back is looked for where it was taken.
    latest: Instant,
}

/// What became of a request that may wait.
pub(super) enum Entered {
    Admitted(Taken),
    Queued { waiter: Arc<Waiter>, place: Place, until: Instant },
}

impl State {
    pub(super) fn new(settings: &LimiterSettings, permits: Permits, now: Instant) -> Self {
        let mut state = Self { limits: Limits::new(permits), queue: FairQueue::new(0), queue_settings: None, latest: now };
        state.reconfigure(now, settings);
        state
    }

    pub(super) fn reconfigure(&mut self, now: Instant, settings: &LimiterSettings) {
        let now = self.time(now);
        self.limits.reconfigure(now, settings);
        self.queue_settings = settings.queue;
        self.queue.set_size(settings.queue.map_or(0, |queue| queue.size));
        self.serve(now);
    }

    /// Lets a request through that does not wait.
    pub(super) fn admit(&mut self, now: Instant, tokens: u64) -> Result<Taken, Refusal> {
        let now = self.time(now);
        if !self.queue.is_empty() {
            return Err(self.refusal(now, tokens, RefusalKind::QueueFull));
        }
        self.limits.take(now, tokens).map_err(|blocked| self.refuse(now, blocked))
    }

    /// Lets a request through, or into the queue.
    pub(super) fn enter(&mut self, now: Instant, client: u64, tokens: u64, deadline: Instant) -> Result<Entered, Refusal> {
        let now = self.time(now);
        let blocked = if self.queue.is_empty() {
            match self.limits.take(now, tokens) {
                Ok(taken) => return Ok(Entered::Admitted(taken)),
                Err(blocked) => Some(blocked),
            }
        } else {
            self.limits.check(now, tokens).err()
        };
        let max_wait = self.queue_settings.map_or(Duration::ZERO, |queue| queue.max_wait);
        let until = now.checked_add(max_wait).map_or(deadline, |at| at.min(deadline));
        let in_vain = match blocked {
            Some(Blocked::For(_, wait)) => wait > until.saturating_duration_since(now),
            Some(Blocked::Never(_)) => true,
            Some(Blocked::Concurrency) | None => until <= now,
        };
        if let Some(blocked) = blocked.filter(|_| in_vain) {
            return Err(self.refuse(now, blocked));
        }
        let waiter = Arc::new(Waiter::new(tokens));
        let Ok(place) = self.queue.push(client, Arc::clone(&waiter)) else {
            return Err(self.refusal(now, tokens, RefusalKind::QueueFull));
        };
        self.serve(now);
        Ok(Entered::Queued { waiter, place, until })
    }

    /// Answers those that wait, from the front, as far as there is room.
    pub(super) fn serve(&mut self, now: Instant) {
        let now = self.time(now);
        while let Some(waiter) = self.queue.front().map(Arc::clone) {
            match self.limits.take(now, waiter.tokens) {
                Ok(taken) => waiter.answer(Ok(taken)),
                Err(Blocked::Never(kind)) => waiter.answer(Err(kind)),
                Err(Blocked::For(_, wait)) => return waiter.wake_at(now.checked_add(wait)),
                // Whoever ends makes room.
                Err(Blocked::Concurrency) => return waiter.wake_at(None),
            }
            self.queue.pop();
        }
    }

    /// The same, where the time is only read if somebody waits.
    pub(super) fn serve_now(&mut self) {
        if !self.queue.is_empty() {
            self.serve(Instant::now());
        }
    }

    /// A request leaves the queue unanswered. `false` if it was answered.
    pub(super) fn leave(&mut self, now: Instant, place: Place) -> bool {
        let left = self.queue.cancel(place).is_some();
        if left {
            // There may be room for the one behind it.
            self.serve(now);
        }
        left
    }

    /// The refusal of a request that has waited in vain.
    pub(super) fn too_late(&mut self, now: Instant, tokens: u64) -> Refusal {
        let now = self.time(now);
        match self.limits.check(now, tokens) {
            Err(blocked) => self.refuse(now, blocked),
            Ok(()) => self.refusal(now, tokens, RefusalKind::QueueTimeout),
        }
    }

    pub(super) fn settle(&mut self, now: Instant, taken_at: Instant, reserved: u64, actual: u64) {
        let now = self.time(now);
        self.limits.settle(now, taken_at, reserved, actual);
    }

    pub(super) fn give_back(&mut self, now: Instant, taken_at: Instant, tokens: u64) {
        let now = self.time(now);
        self.limits.give_back(now, taken_at, tokens);
    }

    /// A first token came after `time`.
    pub(super) fn first_token(&mut self, now: Instant, time: Duration) {
        let now = self.time(now);
        self.limits.first_token(now, time);
        self.serve(now);
    }

    /// The vendor refused, or gave no answer in time.
    pub(super) fn dropped(&mut self, now: Instant) {
        let now = self.time(now);
        self.limits.dropped(now);
    }

    pub(super) fn lower_requests(&mut self, now: Instant, remaining: u64) {
        let now = self.time(now);
        self.limits.lower_requests(now, remaining);
    }

    pub(super) fn lower_tokens(&mut self, now: Instant, remaining: u64) {
        let now = self.time(now);
        self.limits.lower_tokens(now, remaining);
    }

    pub(super) fn token_capacity(&self) -> Option<u64> {
        self.limits.token_capacity()
    }

    pub(super) fn quotas(&mut self, now: Instant) -> Quotas {
        let now = self.time(now);
        self.limits.quotas(now)
    }

    pub(super) fn view(&mut self, now: Instant) -> View {
        let now = self.time(now);
        let [requests, tokens] = self.limits.all_quotas(now);
        let (in_flight, concurrency) = (self.limits.in_flight(), self.limits.concurrency());
        View { requests, tokens, in_flight, concurrency, queued: self.queue.len() }
    }

    fn refuse(&mut self, now: Instant, blocked: Blocked) -> Refusal {
        let (kind, wait) = match blocked {
            Blocked::For(kind, wait) => (kind, Some(wait)),
            Blocked::Never(kind) => (kind, None),
            Blocked::Concurrency => (RefusalKind::Concurrency, None),
        };
        Refusal { kind, wait, quotas: self.limits.quotas(now) }
    }

    /// A refusal because of the queue. The limits over time may have a wait to add, or refuse for good.
    fn refusal(&mut self, now: Instant, tokens: u64, kind: RefusalKind) -> Refusal {
        match self.limits.check(now, tokens) {
            Err(blocked @ Blocked::Never(_)) => self.refuse(now, blocked),
            Err(blocked) => Refusal { kind, ..self.refuse(now, blocked) },
            Ok(()) => Refusal { kind, wait: None, quotas: self.limits.quotas(now) },
        }
    }

    fn time(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }
}
