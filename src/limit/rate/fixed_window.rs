//! A cap for each of a row of windows, such as a day's.

use std::time::Duration;

use tokio::time::Instant;

use super::{Count, RateSettings, Wait, nanos};

#[derive(Clone, Debug)]
pub(super) struct FixedWindow {
    amount: u64,
    /// The length of a window in nanoseconds.
    per: u64,
    /// Where one of the windows begins.
    boundary: Instant,
    /// The current window.
    begins: Instant,
    ends: Instant,
    used: u64,
}

impl FixedWindow {
    pub(super) fn new(settings: &RateSettings, boundary: Instant, now: Instant) -> Self {
        let mut window = Self { amount: settings.amount, per: settings.per_nanos(), boundary, begins: now, ends: now, used: 0 };
        window.advance(now);
        window
    }

    pub(super) fn set_amount(&mut self, amount: u64) {
        self.amount = amount;
    }

    /// Begins a new window if the current one is over.
    fn advance(&mut self, now: Instant) {
        if now < self.ends {
            return;
        }
        let per = u128::from(self.per);
        // How far into its window `now` is.
        let into = match now.checked_duration_since(self.boundary) {
            Some(since) => since.as_nanos() % per,
            None => (per - self.boundary.saturating_duration_since(now).as_nanos() % per) % per,
        };
        self.begins = now.checked_sub(nanos(into)).unwrap_or(now);
        self.ends = now.checked_add(nanos(per - into)).unwrap_or(now);
        self.used = 0;
    }
}

impl Count for FixedWindow {
    fn capacity(&self) -> u64 {
        self.amount
    }

    fn check(&mut self, now: Instant, n: u64) -> Result<(), Wait> {
        self.advance(now);
        match self.amount.checked_sub(self.used) {
            Some(room) if n <= room => Ok(()),
            _ if n > self.amount => Err(Wait::Never),
            _ => Err(Wait::For(self.ends.saturating_duration_since(now))),
        }
    }

    fn charge(&mut self, now: Instant, n: u64) {
        self.advance(now);
        self.used = self.used.saturating_add(n);
    }

    fn give_back(&mut self, now: Instant, taken_at: Instant, n: u64) {
        self.advance(now);
        if taken_at >= self.begins {
            self.used = self.used.saturating_sub(n);
        }
    }

    fn balance(&mut self, now: Instant) -> i128 {
        self.advance(now);
        i128::from(self.amount) - i128::from(self.used)
    }

    fn reset_after(&mut self, now: Instant) -> Duration {
        self.advance(now);
        match self.used {
            0 => Duration::ZERO,
            _ => self.ends.saturating_duration_since(now),
        }
    }
}
