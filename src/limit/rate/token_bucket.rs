//! A token bucket, as the Generic Cell Rate Algorithm in its form of a continuous-state leaky bucket (ITU-T I.371, annex A).
//!
//! The level is what is used and has not yet drained. Levels are in nanoseconds times `amount`: one token weighs `per`, and one
//! nanosecond drains `amount`. So nothing is ever divided but to show it.

use std::time::Duration;

use tokio::time::Instant;

use super::low_water::LowWater;
use super::{Count, RateSettings, Wait, nanos};

#[derive(Clone, Debug)]
pub(super) struct TokenBucket {
    /// What a nanosecond drains.
    amount: u64,
    /// What a token weighs.
    per: u64,
    /// In tokens.
    burst: u64,
    /// At most twice what `burst` weighs: the second half is debt.
    level: u128,
    /// When `level` was right.
    at: Instant,
    low_water: LowWater,
}

impl TokenBucket {
    pub(super) fn new(settings: &RateSettings, now: Instant) -> Self {
        let burst = settings.burst.unwrap_or(settings.amount);
        let low_water = LowWater::default();
        Self { amount: settings.amount, per: settings.per_nanos(), burst, level: 0, at: now, low_water }
    }

    pub(super) fn reconfigure(&mut self, settings: &RateSettings, now: Instant) {
        let new = Self::new(settings, now);
        if (new.amount, new.per, new.burst) == (self.amount, self.per, self.burst) {
            return;
        }
        self.drain(now);
        let (full, new_full) = (self.full(), new.full());
        // The balance in tokens stays; only its weight is another.
        let level = match full.checked_sub(self.level) {
            Some(balance) => new_full.saturating_sub(scale_down(balance, new.per, self.per)),
            None => new_full.saturating_add(scale_up(self.level - full, new.per, self.per)),
        };
        let mut low_water = std::mem::take(&mut self.low_water);
        low_water.scale(|level| scale_down(level, new.per, self.per));
        *self = Self { level: level.min(2 * new_full), at: self.at, low_water, ..new };
        self.low_water.record(self.at, self.level);
    }

    /// Lets drain what has drained since `at`.
    fn drain(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        self.level = self.level.saturating_sub(elapsed.saturating_mul(u128::from(self.amount)));
        self.at = self.at.max(now);
    }

    /// The level at which nothing more fits.
    fn full(&self) -> u128 {
        self.weight(self.burst)
    }

    fn weight(&self, n: u64) -> u128 {
        u128::from(n) * u128::from(self.per)
    }

    /// The time in which `level` drains.
    fn time(&self, level: u128) -> Duration {
        match self.amount {
            0 => Duration::MAX,
            amount => nanos(level.div_ceil(u128::from(amount))),
        }
    }
}

impl Count for TokenBucket {
    fn capacity(&self) -> u64 {
        self.burst
    }

    fn check(&mut self, now: Instant, n: u64) -> Result<(), Wait> {
        self.drain(now);
        let (level, full) = (self.level + self.weight(n), self.full());
        match level.checked_sub(full) {
            None | Some(0) => Ok(()),
            Some(_) if n > self.burst || self.amount == 0 => Err(Wait::Never),
            Some(excess) => Err(Wait::For(self.time(excess))),
        }
    }

    fn charge(&mut self, now: Instant, n: u64) {
        self.drain(now);
        if n > 0 {
            self.low_water.record(self.at, self.level);
            self.level = (self.level + self.weight(n)).min(2 * self.full());
        }
    }

    fn give_back(&mut self, now: Instant, taken_at: Instant, n: u64) {
        self.drain(now);
        let lowest = self.low_water.since(taken_at).map_or(self.level, |level| level.min(self.level));
        let returned = self.weight(n).min(lowest);
        self.low_water.reduce(taken_at, returned);
        self.level -= returned;
    }

    fn balance(&mut self, now: Instant) -> i128 {
        self.drain(now);
        let (full, level) = (self.full().cast_signed(), self.level.cast_signed());
        (full - level).div_euclid(i128::from(self.per))
    }

    fn reset_after(&mut self, now: Instant) -> Duration {
        self.drain(now);
        match self.level {
            0 => Duration::ZERO,
            level => self.time(level),
        }
    }
}

/// `value * to / from`, rounded down.
fn scale_down(value: u128, to: u64, from: u64) -> u128 {
    let (to, from) = (u128::from(to), u128::from(from));
    (value / from).saturating_mul(to).saturating_add(value % from * to / from)
}

/// `value * to / from`, rounded up.
fn scale_up(value: u128, to: u64, from: u64) -> u128 {
    let (to, from) = (u128::from(to), u128::from(from));
    (value / from).saturating_mul(to).saturating_add((value % from * to).div_ceil(from))
}
