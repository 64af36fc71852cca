//! A limit over time: so much in so long, counted in one of three ways.

mod fixed_window;
mod low_water;
mod sliding_window;
#[cfg(test)]
mod tests;
mod token_bucket;

use std::time::Duration;

use tokio::time::Instant;

use fixed_window::FixedWindow;
use sliding_window::SlidingWindow;
use token_bucket::TokenBucket;

/// What a [`RateLimiter`] lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateSettings {
    /// Requests, tokens or whatever is counted.
    pub amount: u64,
    /// The time in which `amount` may be used.
    pub per: Duration,
    /// What may be used at once; [`Algorithm::TokenBucket`] alone reads it. `None`: `amount`.
    pub burst: Option<u64>,
    pub algorithm: Algorithm,
}

impl RateSettings {
    /// `amount` in every `per`, as a token bucket that holds `amount`.
    pub fn new(amount: u64, per: Duration) -> Self {
        Self { amount, per, burst: None, algorithm: Algorithm::TokenBucket }
    }

    /// Whether the same count serves both: the same algorithm over the same time.
    pub fn counts_like(&self, other: &Self) -> bool {
        let same_algorithm = std::mem::discriminant(&self.algorithm) == std::mem::discriminant(&other.algorithm);
        same_algorithm && self.per_nanos() == other.per_nanos()
    }

    /// `per` in nanoseconds, at least 1 and at most 146 years, so that sums of two products with 64 bits fit 128.
    fn per_nanos(&self) -> u64 {
        u64::try_from(self.per.as_nanos()).unwrap_or(u64::MAX).clamp(1, 1 << 62)
    }
}

/// How use is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// A balance that refills steadily up to `burst`. In any time `t` no more than `burst + amount * t / per` is used.
    TokenBucket,
    /// No interval of `per` ever holds more than `amount`. Use is forgotten at most `per / 60` late.
    SlidingWindow,
    /// A cap for every window of `per`, one of which begins at `boundary`: "a day, from midnight on". The caller finds
    /// the boundary from the wall clock once; what the clock does later has no effect.
    FixedWindow { boundary: Instant },
}

/// Why an amount does not fit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It would fit after this time if nothing else were used.
    For(Duration),
    /// It is more than the limit ever lets through at once.
    Never,
}

/// One limit over time.
///
/// A `now` that is earlier than one seen before counts as the latest seen, so callers on several threads need not agree to
/// the nanosecond. All arithmetic is in integers and rounds against the client.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    settings: RateSettings,
    /// From when on use was counted here. What was taken before was counted by another counter and cannot be given back.
    since: Instant,
    counter: Counter,
}

#[derive(Clone, Debug)]
enum Counter {
    Bucket(TokenBucket),
    Sliding(SlidingWindow),
    Fixed(FixedWindow),
}

/// What the algorithms have in common.
trait Count {
    fn capacity(&self) -> u64;
    fn check(&mut self, now: Instant, n: u64) -> Result<(), Wait>;
    fn charge(&mut self, now: Instant, n: u64);
    fn give_back(&mut self, now: Instant, taken_at: Instant, n: u64);
    /// What is left, rounded down; negative after charges of more than there was.
    fn balance(&mut self, now: Instant) -> i128;
    fn reset_after(&mut self, now: Instant) -> Duration;
}

impl RateLimiter {
    /// A limit of which nothing is used.
    pub fn new(settings: RateSettings, now: Instant) -> Self {
        let counter = match settings.algorithm {
            Algorithm::TokenBucket => Counter::Bucket(TokenBucket::new(&settings, now)),
            Algorithm::SlidingWindow => Counter::Sliding(SlidingWindow::new(&settings, now)),
            Algorithm::FixedWindow { boundary } => Counter::Fixed(FixedWindow::new(&settings, boundary, now)),
        };
        Self { settings, since: now, counter }
    }

    pub fn settings(&self) -> &RateSettings {
        &self.settings
    }

    /// The most that fits at once.
    pub fn capacity(&self) -> u64 {
        match &self.counter {
            Counter::Bucket(bucket) => bucket.capacity(),
            Counter::Sliding(window) => window.capacity(),
            Counter::Fixed(window) => window.capacity(),
        }
    }

    /// Whether `n` fits now; nothing is taken.
    pub fn check(&mut self, now: Instant, n: u64) -> Result<(), Wait> {
        self.counter().check(now, n)
    }

    /// Takes `n`, which [`check`](Self::check) has just let through.
    pub fn take(&mut self, now: Instant, n: u64) {
        self.charge(now, n);
    }

    /// Counts `n` whether it fits or not: what was used beyond an estimate. A token bucket's balance may fall below zero, down
    /// to `-capacity` and no further; a window counts all of it.
    pub fn charge(&mut self, now: Instant, n: u64) {
        self.counter().charge(now, n);
    }

    /// Gives back `n` of what was taken at `taken_at`, as if so much less had been taken then. What would have been lost since
    /// because the bucket was full, or because its window is over, is not given back.
    pub fn give_back(&mut self, now: Instant, taken_at: Instant, n: u64) {
        if taken_at >= self.since {
            self.counter().give_back(now, taken_at, n);
        }
    }

    /// Takes over that no more than `remaining` is left, as a vendor's `x-ratelimit-remaining-*` says. Never raises what is left.
    pub fn lower(&mut self, now: Instant, remaining: u64) {
        let excess = self.remaining(now).saturating_sub(remaining);
        self.charge(now, excess);
    }

    /// What is left, rounded down.
    pub fn remaining(&mut self, now: Instant) -> u64 {
        u64::try_from(self.counter().balance(now).max(0)).unwrap_or(u64::MAX)
    }

    /// How long it takes until nothing is used any more.
    pub fn reset_after(&mut self, now: Instant) -> Duration {
        self.counter().reset_after(now)
    }

    /// Changes the settings and keeps what is used. The same settings change nothing.
    ///
    /// A token bucket's balance becomes the smaller of itself and the new capacity. So it does where the algorithm changes, or a
    /// window's length; a window that only gets another amount keeps its count, so that the new amount holds at once. A
    /// fixed window keeps its first boundary: one that is computed again differs by what the clock has drifted.
    pub fn reconfigure(&mut self, now: Instant, settings: RateSettings) {
        let alike = self.settings.counts_like(&settings);
        match (&mut self.counter, settings.algorithm) {
            (Counter::Bucket(bucket), Algorithm::TokenBucket) => bucket.reconfigure(&settings, now),
            (Counter::Sliding(window), _) if alike => window.set_amount(settings.amount),
            (Counter::Fixed(window), _) if alike => window.set_amount(settings.amount),
            _ => {
                let balance = self.counter().balance(now);
                *self = Self::new(settings, now);
                let used = i128::from(self.capacity()) - balance;
                self.charge(now, u64::try_from(used.max(0)).unwrap_or(u64::MAX));
            }
        }
        self.settings = settings;
    }

    fn counter(&mut self) -> &mut dyn Count {
        match &mut self.counter {
            Counter::Bucket(bucket) => bucket,
            Counter::Sliding(window) => window,
            Counter::Fixed(window) => window,
        }
    }
}

/// A time of so many nanoseconds.
fn nanos(n: u128) -> Duration {
    Duration::from_nanos(u64::try_from(n).unwrap_or(u64::MAX))
}
