//! What an admitted request holds: it rides on the response's body.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Limiter;
use super::limits::Taken;
use crate::limit::permits::Permit;

/// A request that was let through. Dropping it ends the request: its permit returns, and what it has taken stays taken.
#[must_use = "dropping a grant ends the request and keeps what it reserved"]
#[derive(Debug)]
pub struct Grant {
    limiter: Arc<Limiter>,
    /// Until it is dropped.
    permit: Option<Permit>,
    taken_at: Instant,
    /// The tokens taken.
    reserved: u64,
    /// An answer is one signal: it came or it was dropped.
    signalled: bool,
}

impl Grant {
    pub(super) fn new(limiter: Arc<Limiter>, taken: Taken) -> Self {
        Self { limiter, permit: Some(taken.permit), taken_at: taken.at, reserved: taken.tokens, signalled: false }
    }

    /// The tokens that were reserved.
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The answer's first token came after `time`, counted from when the request went out. Only the first call counts, of this and
    /// [`dropped`](Self::dropped).
    pub fn first_token(&mut self, now: Instant, time: Duration) {
        if !std::mem::replace(&mut self.signalled, true) {
            self.limiter.state.lock().first_token(now, time);
        }
    }

    /// The vendor refused the request (429, 503, 529) or gave no answer in time. A client that goes away is no such sign.
    pub fn dropped(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.signalled, true) {
            self.limiter.state.lock().dropped(now);
        }
    }

    /// Ends the request, which has used `actual` tokens: the rest of the reservation goes back, or what it was short of is
    /// charged, even beyond the limit.
    pub fn settle(self, now: Instant, actual: u64) {
        self.limiter.state.lock().settle(now, self.taken_at, self.reserved, actual);
    }

    /// Takes the request back: it never went out, so neither it nor its tokens count.
    pub fn rollback(self, now: Instant) {
        self.limiter.state.lock().give_back(now, self.taken_at, self.reserved);
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.permit.take();
        self.limiter.state.lock().serve_now();
    }
}
