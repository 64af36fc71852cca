//! What holds an upstream back or asks it again: retries, limits and the breaker.

use std::time::Duration;

use crate::config::rate::Rate;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in total, over all targets.
    pub attempts: u32,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// Retries may be at most this part of the requests under way, 0 to 1.
    pub budget: f64,
    /// How often one target is asked again after a failure that it may have worked on.
    pub ambiguous: u32,
    /// A larger request body is not kept for another attempt, in bytes.
    pub replay_max: usize,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            budget: 0.2,
            ambiguous: 0,
            replay_max: 8 << 20,
        }
    }
}

/// What may be used at once and over time; what is empty is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// All of them hold.
    pub requests: Vec<RateLimit>,
    /// All of them hold.
    pub tokens: Vec<RateLimit>,
    pub concurrency: Option<Concurrency>,
    pub queue: Option<Queue>,
}

/// At most `rate`, counted by `algorithm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub algorithm: Algorithm,
    pub rate: Rate,
    /// How much may be taken at once; `None` means what the rate gives in its unit of time.
    pub burst: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    TokenBucket,
    SlidingWindow,
    /// By the clock, in UTC.
    FixedWindow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// The most requests under way.
    pub max: u32,
    /// Lowered and raised between 1 and `max` by what the upstream's answers show.
    pub adaptive: Option<Adaptation>,
}

/// How an adaptive limit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adaptation {
    Aimd,
    Gradient,
}

/// Waiting for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The most requests that wait.
    pub size: u32,
    pub max_wait: Duration,
}

/// When an upstream is taken for broken, and for how long it is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    pub enabled: bool,
    pub consecutive_failures: u32,
    /// The part of failures in `window`, 0 to 1, that opens it once there were `min_requests`.
    pub failure_ratio: f64,
    pub min_requests: u32,
    pub window: Duration,
    /// The first time it stays open; doubled each time it opens again, up to `open_max`.
    pub open_min: Duration,
    pub open_max: Duration,
    /// A stream that was slower than so many tokens a second counts as a failure; 0 counts none.
    pub min_tokens_per_second: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_failures: 5,
            failure_ratio: 0.5,
            min_requests: 20,
            window: Duration::from_secs(30),
            open_min: Duration::from_secs(5),
            open_max: Duration::from_secs(60),
            min_tokens_per_second: 0,
        }
    }
}
