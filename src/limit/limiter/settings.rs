//! What a [`Limiter`](super::Limiter) limits. Part of no file: whoever reads the configuration builds it.

use std::time::Duration;

use crate::limit::adaptive::AdaptiveSettings;
use crate::limit::rate::RateSettings;

/// Limits that apply together. Those left out do not limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimiterSettings {
    /// Requests over time; each must let a request through.
    pub requests: Vec<RateSettings>,
    /// Tokens over time, prompt and answer.
    pub tokens: Vec<RateSettings>,
    /// Requests at once.
    pub concurrency: Option<Concurrency>,
    /// Lets requests wait for their turn; without it they are refused at once.
    pub queue: Option<QueueSettings>,
}

/// A queue before the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The most requests that wait. One client may have half of them.
    pub size: usize,
    /// The longest a request waits.
    pub max_wait: Duration,
}

/// A limit of requests at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Concurrency {
    /// Always so many.
    Fixed(u32),
    /// As many as the vendor takes well.
    Adaptive(AdaptiveSettings),
}
