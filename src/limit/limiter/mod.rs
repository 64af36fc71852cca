//! Every limit of one provider, of one of its models or of one client, decided together: all let a request through, or none is
//! charged.

mod grant;
mod limits;
mod refusal;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::permits::Permits;
pub use grant::Grant;
pub use refusal::{Refusal, RefusalKind};
pub use settings::{Concurrency, LimiterSettings, QueueSettings};
use state::{Entered, State};
pub use view::{Quota, Quotas, View};
use waiting::Waiting;

/// The limits of one provider, model or client, shared by every request they apply to and kept across reloads.
#[derive(Debug)]
pub struct Limiter {
    permits: Permits,
    state: Mutex<State>,
    /// Makes numbers of the clients' names for the queue.
    hasher: RandomState,
}

impl Limiter {
    /// Limits of which nothing is used.
    pub fn new(settings: &LimiterSettings, now: Instant) -> Self {
        let permits = Permits::new(u32::MAX);
        let state = Mutex::new(State::new(settings, permits.clone(), now));
        Self { permits, state, hasher: RandomState::new() }
    }

    /// Lets one request of `tokens` (estimated, prompt and answer) through now, or says why not. Checks every limit before it
    /// takes from any. Does not overtake requests that wait in the queue.
    pub fn admit(self: &Arc<Self>, now: Instant, tokens: u64) -> Result<Grant, Refusal> {
        let taken = self.state.lock().admit(now, tokens)?;
        Ok(Grant::new(Arc::clone(self), taken))
    }

    /// The same, but waits in the queue if there is one: at most its `max_wait`, not beyond `deadline`, and not at all if
    /// the limits over time are known to take longer. `client` is whose turn it takes. Dropping the future leaves the queue.
    pub async fn acquire(self: &Arc<Self>, client: &str, tokens: u64, deadline: Instant) -> Result<Grant, Refusal> {
        let client = self.hasher.hash_one(client);
        let entered = self.state.lock().enter(Instant::now(), client, tokens, deadline)?;
        match entered {
            Entered::Admitted(taken) => Ok(Grant::new(Arc::clone(self), taken)),
            Entered::Queued { waiter, place, until } => Waiting { limiter: Arc::clone(self), waiter, place, until }.answer().await,
        }
    }

    /// The most tokens that one request may ever take; `None` where tokens are not limited.
    pub fn token_capacity(&self) -> Option<u64> {
        self.state.lock().token_capacity()
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u32 {
        self.permits.in_flight()
    }

    /// The tightest limits, for `x-ratelimit-*`.
    pub fn quotas(&self, now: Instant) -> Quotas {
        self.state.lock().quotas(now)
    }

    /// Every limit as it stands.
    pub fn view(&self, now: Instant) -> View {
        self.state.lock().view(now)
    }

    /// Takes over a vendor's word that no more than `remaining` requests are left.
    pub fn lower_requests(&self, now: Instant, remaining: u64) {
        self.state.lock().lower_requests(now, remaining);
    }

    /// Takes over a vendor's word that no more than `remaining` tokens are left.
    pub fn lower_tokens(&self, now: Instant, remaining: u64) {
        self.state.lock().lower_tokens(now, remaining);
    }

    /// Changes the limits and keeps what is used; the same settings change nothing. A limit keeps its count if one of the new
    /// ones counts alike ([`RateSettings::counts_like`](super::rate::RateSettings::counts_like)); those left over
    /// pass on what they have left in their order. Requests that wait stay in the queue, even if there is none any more.
    pub fn reconfigure(&self, now: Instant, settings: &LimiterSettings) {
        self.state.lock().reconfigure(now, settings);
    }
}
