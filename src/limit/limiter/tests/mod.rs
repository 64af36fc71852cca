mod admission;
mod concurrent;
mod reconfigure;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::limit::adaptive::AdaptiveSettings;
use crate::limit::rate::{Algorithm, RateSettings};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn limiter(settings: LimiterSettings) -> (Arc<Limiter>, Instant) {
    let now = Instant::now();
    (Arc::new(Limiter::new(&settings, now)), now)
}

/// 10 requests and 1000 tokens a minute, 3 at once.
fn small() -> LimiterSettings {
    LimiterSettings {
        requests: vec![RateSettings::new(10, MINUTE)],
        tokens: vec![RateSettings::new(1_000, MINUTE)],
        concurrency: Some(Concurrency::Fixed(3)),
        queue: None,
    }
}

/// Requests and tokens left, and requests under way.
fn left(limiter: &Limiter, now: Instant) -> (u64, u64, u32) {
    let view = limiter.view(now);
    (view.requests[0].remaining, view.tokens[0].remaining, view.in_flight)
}
