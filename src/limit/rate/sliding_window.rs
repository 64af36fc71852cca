//! A sliding window in slots.
//!
//! The window is the current slot and the 60 before it, each a sixtieth of `per` long. An interval of `per` touches no more than
//! 61 slots, so no interval holds more than `amount`, and use is forgotten less than one slot late.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Count, RateSettings, Wait, nanos};

/// The slots before the current one.
const SLOTS: u64 = 60;

#[derive(Clone, Debug)]
pub(super) struct SlidingWindow {
    amount: u64,
    /// The length of a slot in nanoseconds.
    width: u64,
    /// Where slot 0 begins.
    origin: Instant,
    /// Those in which something was used, the oldest first.
    slots: VecDeque<Slot>,
    /// Their sum.
    used: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    index: u64,
    used: u64,
}

impl SlidingWindow {
    pub(super) fn new(settings: &RateSettings, now: Instant) -> Self {
        // Rounded up, so that 60 slots are never shorter than the window.
        let width = settings.per_nanos().div_ceil(SLOTS);
        Self { amount: settings.amount, width, origin: now, slots: VecDeque::new(), used: 0 }
    }

    pub(super) fn set_amount(&mut self, amount: u64) {
        self.amount = amount;
    }

    /// Forgets the slots that have left the window. The current one's index.
    fn advance(&mut self, now: Instant) -> u64 {
        let latest = self.slots.back().map_or(0, |slot| slot.index);
        let current = self.index(now).max(latest);
        while let Some(slot) = self.slots.front().copied()
            && slot.index + SLOTS < current
        {
            self.slots.pop_front();
            self.used -= slot.used;
        }
        current
    }

    fn index(&self, now: Instant) -> u64 {
        self.nanos(now) / self.width
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }

    /// How long a slot will still be in the window.
    fn expires_in(&self, slot: &Slot, now: Instant) -> Duration {
        let end = u128::from(slot.index + SLOTS + 1) * u128::from(self.width);
        nanos(end.saturating_sub(u128::from(self.nanos(now))))
    }
}

impl Count for SlidingWindow {
    fn capacity(&self) -> u64 {
        self.amount
    }

    fn check(&mut self, now: Instant, n: u64) -> Result<(), Wait> {
        self.advance(now);
        if n > self.amount {
            return Err(Wait::Never);
        }
        // What must expire first.
        let mut excess = (u128::from(self.used) + u128::from(n)).saturating_sub(u128::from(self.amount));
        if excess == 0 {
            return Ok(());
        }
        for slot in &self.slots {
            excess = excess.saturating_sub(u128::from(slot.used));
            if excess == 0 {
                return Err(Wait::For(self.expires_in(slot, now)));
            }
        }
        // All of it is not enough only if `n` is more than the amount.
        Err(Wait::Never)
    }

    fn charge(&mut self, now: Instant, n: u64) {
        let current = self.advance(now);
        let n = n.min(u64::MAX - self.used);
        self.used += n;
        match self.slots.back_mut() {
            Some(slot) if slot.index == current => slot.used += n,
            _ if n > 0 => self.slots.push_back(Slot { index: current, used: n }),
            _ => {}
        }
    }

    fn give_back(&mut self, now: Instant, taken_at: Instant, n: u64) {
        self.advance(now);
        let index = self.index(taken_at);
        if let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.index == index) {
            let n = n.min(slot.used);
            slot.used -= n;
            self.used -= n;
        }
    }

    fn balance(&mut self, now: Instant) -> i128 {
        self.advance(now);
        i128::from(self.amount) - i128::from(self.used)
    }

    fn reset_after(&mut self, now: Instant) -> Duration {
        self.advance(now);
        let last = self.slots.iter().rev().find(|slot| slot.used > 0);
        last.map_or(Duration::ZERO, |slot| self.expires_in(slot, now))
    }
}
