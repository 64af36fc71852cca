//! Additive increase, multiplicative decrease, in rounds.
//!
//! The steps are those of Netflix's concurrency-limits (`AIMDLimit`): one more for a first token, if at least half of the limit
//! is in use; times 0.9 for a drop. Rounds keep them in proportion, as round trips do for TCP: vendors refuse a burst at once, and
//! an answer holds its place for long after its first token, so that single signals say little.
//!
//! - A round lasts as long as a first token takes in the median, at least a second.
//! - A decrease begins a round, in which there is no other and no growth.
//! - In any other round the limit grows by at most a tenth (at least by 1), which is what the next drop takes.
//! - Where most answers of the last round were drops, a decrease is times 0.8: the limit is far too high.
//! - Slow first tokens count as a drop if the round's median is more than twice the usual one and the limit was in use.

use std::time::Duration;

use tokio::time::Instant;

use super::baseline::Baseline;
use super::is_pushed;
use super::samples::Samples;

const MIN_ROUND: Duration = Duration::from_secs(1);
const DECREASE: f64 = 0.9;
const STEEP_DECREASE: f64 = 0.8;
const GROWTH: f64 = 0.1;
/// A median of fewer first tokens is not taken for slow.
const MIN_SAMPLES: usize = 5;

#[derive(Clone, Debug)]
pub(super) struct Aimd {
    round: Round,
    round_length: Duration,
    /// Whether most answers of the round before were drops.
    mostly_dropped: bool,
    samples: Samples,
    baseline: Baseline,
}

#[derive(Clone, Debug)]
struct Round {
    began: Instant,
    /// It began with a decrease.
    decreased: bool,
    /// Up to where the limit may grow.
    ceiling: f64,
    drops: u32,
    first_tokens: u32,
    /// Half of the limit was in use.
    pushed: bool,
}

impl Aimd {
    pub(super) fn new(limit: f64, now: Instant) -> Self {
        Self {
            round: Round::new(now, limit, false),
            round_length: MIN_ROUND,
            mostly_dropped: false,
            samples: Samples::default(),
            baseline: Baseline::default(),
        }
    }

    /// The limit after a first token.
    pub(super) fn first_token(&mut self, limit: f64, now: Instant, in_flight: u32, time: Duration) -> f64 {
        let limit = self.turn(limit, now);
        self.samples.push(time);
        self.round.first_tokens += 1;
        if !is_pushed(limit, in_flight) {
            return limit;
        }
        self.round.pushed = true;
        if self.round.decreased { limit } else { (limit + 1.0).min(self.round.ceiling).max(limit) }
    }

    /// The limit after a drop.
    pub(super) fn dropped(&mut self, limit: f64, now: Instant) -> f64 {
        let limit = self.turn(limit, now);
        self.round.drops += 1;
        if self.round.decreased {
            return limit;
        }
        let limit = limit * if self.mostly_dropped { STEEP_DECREASE } else { DECREASE };
        self.round = Round::new(now, limit, true);
        limit
    }

    /// Begins a new round if the current one is over. The limit then.
    fn turn(&mut self, limit: f64, now: Instant) -> f64 {
        if now.saturating_duration_since(self.round.began) < self.round_length {
            return limit;
        }
        self.mostly_dropped = self.round.drops > self.round.first_tokens;
        let judged = self.samples.count() >= MIN_SAMPLES;
        let slow = match self.samples.percentile(50) {
            Some(median) => {
                self.round_length = median.max(MIN_ROUND);
                judged && self.baseline.is_slow(median) && self.round.pushed
            }
            None => false,
        };
        self.samples.clear();
        let limit = if slow { limit * DECREASE } else { limit };
        self.round = Round::new(now, limit, slow);
        limit
    }
}

impl Round {
    fn new(began: Instant, limit: f64, decreased: bool) -> Self {
        let ceiling = limit + (limit * GROWTH).max(1.0);
        Self { began, decreased, ceiling, drops: 0, first_tokens: 0, pushed: false }
    }
}
