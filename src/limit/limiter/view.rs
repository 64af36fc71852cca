//! Limits as they stand, for response headers, the admin API and metrics.

use std::time::Duration;

use tokio::time::Instant;

use crate::limit::rate::RateLimiter;

/// One limit over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The most that fits at once.
    pub limit: u64,
    pub remaining: u64,
    /// The time until nothing is used any more.
    pub reset: Duration,
}

/// The tightest limit over time of each kind, if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    pub requests: Option<Quota>,
    pub tokens: Option<Quota>,
}

/// Every limit of a limiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub requests: Vec<Quota>,
    pub tokens: Vec<Quota>,
    /// Requests under way.
    pub in_flight: u32,
    /// The most requests at once, if limited.
    pub concurrency: Option<u32>,
    /// Requests that wait.
    pub queued: usize,
}

impl Quota {
    pub(super) fn of(limit: &mut RateLimiter, now: Instant) -> Self {
        Self { limit: limit.capacity(), remaining: limit.remaining(now), reset: limit.reset_after(now) }
    }

    /// The one with the least left; of equals the one that takes longest.
    pub(super) fn tightest(limits: &mut [RateLimiter], now: Instant) -> Option<Self> {
        let quotas = limits.iter_mut().map(|limit| Self::of(limit, now));
        quotas.min_by(|a, b| a.remaining.cmp(&b.remaining).then(b.reset.cmp(&a.reset)))
    }
}
