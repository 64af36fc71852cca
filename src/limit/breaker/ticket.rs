//! A request's ticket through the breaker. It rides on the response's body, so that a stream that breaks off late still counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Breaker;
use super::machine::Admitted;

/// Takes one verdict; a second one is ignored. Dropped without one, by a cancelled client or a panic, it says nothing of the
/// upstream, and frees the half-open breaker's slot.
#[derive(Debug)]
#[must_use = "dropping the ticket at once means that nothing is learnt from the request"]
pub struct Ticket {
    /// Gone once the verdict is in.
    breaker: Option<Arc<Breaker>>,
    admitted: Admitted,
}

impl Ticket {
    pub(super) fn new(breaker: Arc<Breaker>, admitted: Admitted) -> Self {
        Self { breaker: Some(breaker), admitted }
    }

    /// The answer has content. That is what a half-open breaker waits for: it closes, and the ticket lives on as any other,
    /// so that a failure later in the stream counts. Costs nothing where there is nothing to close.
    pub fn content(&mut self, now: Instant) {
        if let (Some(breaker), true) = (&self.breaker, self.admitted.probe) {
            self.admitted = breaker.machine.lock().content(now, self.admitted);
        }
    }

    pub fn success(&mut self, now: Instant) {
        if let Some(breaker) = self.breaker.take() {
            breaker.machine.lock().success(now, self.admitted);
        }
    }

    /// `retry_after` is what the upstream asked for, if it did.
    pub fn failure(&mut self, now: Instant, retry_after: Option<Duration>) {
        if let Some(breaker) = self.breaker.take() {
            breaker.machine.lock().failure(now, self.admitted, retry_after);
        }
    }

    /// Neutral, unless this is the probe: an upstream that is still limiting is left alone for another while.
    pub fn rate_limited(&mut self, now: Instant, retry_after: Option<Duration>) {
        if let Some(breaker) = self.breaker.take() {
            breaker.machine.lock().rate_limited(now, self.admitted, retry_after);
        }
    }

    /// The outcome says nothing of the upstream's health.
    pub fn neutral(&mut self) {
        if let (Some(breaker), true) = (self.breaker.take(), self.admitted.probe) {
            breaker.machine.lock().neutral(self.admitted);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.neutral();
    }
}
