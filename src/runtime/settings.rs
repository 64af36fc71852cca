//! From the configuration's limits to the settings of limiters and breakers.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::config;
use crate::limit;
use crate::vault;

pub(super) fn vault(from: &config::Signatures) -> vault::Bounds {
    vault::Bounds { max_entries: from.max_entries, max_bytes: from.max_bytes, ttl: from.ttl }
}

/// `None` where nothing is limited.
pub(super) fn limiter(from: &config::Limit) -> Option<limit::LimiterSettings> {
    if from.requests.is_empty() && from.tokens.is_empty() && from.concurrency.is_none() {
        return None;
    }
    Some(limit::LimiterSettings {
        requests: from.requests.iter().map(rate).collect(),
        tokens: from.tokens.iter().map(rate).collect(),
        concurrency: from.concurrency.map(concurrency),
        queue: from.queue.map(|queue| limit::QueueSettings { size: queue.size as usize, max_wait: queue.max_wait }),
    })
}

fn rate(from: &config::RateLimit) -> limit::RateSettings {
    limit::RateSettings {
        amount: from.rate.amount,
        per: from.rate.per,
        burst: from.burst,
        algorithm: match from.algorithm {
            config::Algorithm::TokenBucket => limit::Algorithm::TokenBucket,
            config::Algorithm::SlidingWindow => limit::Algorithm::SlidingWindow,
            config::Algorithm::FixedWindow => limit::Algorithm::FixedWindow { boundary: midnight() },
        },
    }
}

fn concurrency(from: config::Concurrency) -> limit::Concurrency {
    let Some(adaptation) = from.adaptive else { return limit::Concurrency::Fixed(from.max) };
    let algorithm = match adaptation {
        config::Adaptation::Aimd => limit::AdaptiveAlgorithm::Aimd,
        config::Adaptation::Gradient => limit::AdaptiveAlgorithm::Gradient2,
    };
    limit::Concurrency::Adaptive(limit::AdaptiveSettings { algorithm, ..limit::AdaptiveSettings::new(from.max) })
}

pub(super) fn breaker(from: &config::Breaker) -> limit::BreakerSettings {
    limit::BreakerSettings {
        consecutive_failures: from.consecutive_failures,
        failure_ratio: from.failure_ratio,
        min_requests: from.min_requests,
        window: from.window,
        open_min: from.open_min,
        open_max: from.open_max,
    }
}

/// A midnight in UTC, where windows of the clock begin. The wall clock is asked once: one that jumps later moves nothing, and
/// a reload finds the same windows.
fn midnight() -> Instant {
    static MIDNIGHT: OnceLock<Instant> = OnceLock::new();
    *MIDNIGHT.get_or_init(|| {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % 86_400);
        let now = Instant::now();
        now.checked_sub(Duration::from_secs(today)).unwrap_or(now)
    })
}
