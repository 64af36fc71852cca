//! When a configuration that was taken over is taken back.

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollout {
    /// For so long a new configuration is watched, and for so long before it the old one's errors are counted.
    pub window: Duration,
    /// By so much the part of requests that fail may be above the old one's, from 0 to 1.
    pub error_rate: f64,
    /// Fewer requests of either say nothing.
    pub min_requests: u64,
}
