//! Every limit of one provider, of one of its models or of one client, decided together: all let a request through, or none is
//! charged.

mod grant;
mod refusal;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::permits::Permits;
pub use grant::Grant;
pub use refusal::{Refusal, RefusalKind};
pub use settings::{Concurrency, LimiterSettings};
use state::State;
pub use view::{Quota, Quotas, View};

/// The limits of one provider, model or client, shared by every request they apply to and kept across reloads.
#[derive(Debug)]
pub struct Limiter {
    permits: Arc<Permits>,
    state: Mutex<State>,
}

impl Limiter {
    /// Limits of which nothing is used.
    pub fn new(settings: &LimiterSettings, now: Instant) -> Self {
        let permits = Arc::new(Permits::new(u32::MAX));
        let state = Mutex::new(State::new(settings, Arc::clone(&permits), now));
        Self { permits, state }
    }

    /// Lets one request of `tokens` (estimated, prompt and answer) through now, or says why not. Checks every limit before it
    /// takes from any.
    pub fn admit(self: &Arc<Self>, now: Instant, tokens: u64) -> Result<Grant, Refusal> {
        let taken = self.state.lock().take(now, tokens)?;
        Ok(Grant::new(Arc::clone(self), taken))
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
    /// pass on what they have left in their order.
    pub fn reconfigure(&self, now: Instant, settings: &LimiterSettings) {
        self.state.lock().reconfigure(now, settings);
    }
}
