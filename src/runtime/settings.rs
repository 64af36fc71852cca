//! From the configuration's limits to the settings of limiters and breakers.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::config;
use crate::limit;
use crate::price::{Currency, ExchangeRate, Layer, Rate, Rates, Schedule, When};
use crate::vault;

pub(super) fn vault(from: &config::Signatures) -> vault::Bounds {
    vault::Bounds { max_entries: from.max_entries, max_bytes: from.max_bytes, ttl: from.ttl }
}

/// The currency to report in, and the configuration's prices and rates.
pub(super) fn prices(from: &config::Prices) -> (Currency, Layer) {
    let prices = from.overrides.iter().map(|(name, price)| (name.clone(), schedule(price)));
    let rates = from.exchange.iter().map(|rate| ExchangeRate {
        from: currency(&rate.from),
        to: currency(&rate.to),
        rate: rate.rate,
        since: rate.since,
    });
    (currency(&from.currency), Layer { prices: prices.collect(), rates: rates.collect() })
}

/// The check has seen to it that it is one.
pub(super) fn currency(text: &str) -> Currency {
    Currency::new(text).unwrap_or(Currency::USD)
}

fn schedule(from: &config::Price) -> Schedule {
    let mut standard = rates(&from.rates);
    // Prices by the length of the prompt stand beside the one they replace, whichever kind's that is.
    for (kind, base) in &from.rates {
        let above = from.above.iter().filter_map(|(tokens, rates)| Some((*tokens, *rates.get(kind)?)));
        standard.set(*kind, Rate { base: *base, above: above.collect() });
    }
    let tiers = from.tiers.iter().map(|(tier, differing)| (*tier, When::Always, rates(differing)));
    Schedule { tiers: tiers.collect(), ..Schedule::flat(currency(&from.currency), standard) }
}

fn rates(from: &std::collections::BTreeMap<crate::base::kind::Kind, u64>) -> Rates {
    let mut rates = Rates::default();
    from.iter().for_each(|(kind, base)| rates.set(*kind, Rate::flat(*base)));
    rates
}

pub(super) fn budget(from: &config::Budget) -> limit::BudgetSettings {
    limit::BudgetSettings {
        amount: from.amount,
        per: match from.per {
            config::Period::Hour => limit::Period::Hour,
            config::Period::Day => limit::Period::Day,
            config::Period::Week => limit::Period::Week,
            config::Period::Month => limit::Period::Month,
        },
        warn_at: from.warn_at,
    }
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
