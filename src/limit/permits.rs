//! A limit of what may be under way at once. Takes its atomics from `base::sync` and nothing else, so that `tests/loom` can
//! check every interleaving of this very file.

use crate::base::sync::{Arc, AtomicU64, Ordering};

/// So many permits; the number may change at any time. Clones are the same permits.
#[derive(Clone, Debug)]
pub struct Permits {
    counts: Arc<AtomicU64>,
}

/// Leave to be under way. Given back when dropped, on whatever thread.
#[must_use = "dropping a permit gives it back"]
#[derive(Debug)]
pub struct Permit {
    counts: Arc<AtomicU64>,
}

/// The limit and the permits that are out. Both are in one word, so that no limit is held against the count of another moment.
#[derive(Clone, Copy)]
struct Counts {
    limit: u32,
    in_flight: u32,
}

impl Permits {
    /// At most `limit` at once; `u32::MAX` is no limit.
    pub fn new(limit: u32) -> Self {
        Self { counts: Arc::new(AtomicU64::new(Counts { limit, in_flight: 0 }.pack())) }
    }

    /// A permit, unless as many are out as the limit allows.
    pub fn try_acquire(&self) -> Option<Permit> {
        self.change(|counts| {
            let room = counts.in_flight < counts.limit;
            room.then(|| Counts { in_flight: counts.in_flight + 1, ..counts })
        })
        .then(|| Permit { counts: Arc::clone(&self.counts) })
    }

    /// The permits that are out.
    pub fn in_flight(&self) -> u32 {
        self.load().in_flight
    }

    pub fn limit(&self) -> u32 {
        self.load().limit
    }

    /// Changes the limit. Where more permits are out, none is given until enough have come back.
    pub fn set_limit(&self, limit: u32) {
        self.change(|counts| (counts.limit != limit).then_some(Counts { limit, ..counts }));
    }

    fn load(&self) -> Counts {
        Counts::unpack(self.counts.load(Ordering::Relaxed))
    }

    /// Changes the counts in one step, unless there is nothing to change.
    fn change(&self, change: impl Fn(Counts) -> Option<Counts>) -> bool {
        let mut current = self.counts.load(Ordering::Relaxed);
        while let Some(next) = change(Counts::unpack(current)) {
            // Acquire, to see what was done under the permit that made room.
            match self.counts.compare_exchange_weak(current, next.pack(), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => current = other,
            }
        }
        false
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // The low half; it counts this permit, so nothing is borrowed from the other.
        self.counts.fetch_sub(1, Ordering::Release);
    }
}

impl Counts {
    fn pack(self) -> u64 {
        u64::from(self.limit) << 32 | u64::from(self.in_flight)
    }

    fn unpack(word: u64) -> Self {
        Self { limit: (word >> 32) as u32, in_flight: word as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_returns_when_dropped() {
        let permits = Permits::new(2);
        let first = permits.try_acquire().unwrap();
        let second = permits.try_acquire().unwrap();
        assert!(permits.try_acquire().is_none());
        drop(first);
        assert_eq!(permits.in_flight(), 1);
        let third = std::thread::scope(|scope| scope.spawn(|| permits.try_acquire()).join().unwrap());
        assert!(third.is_some());
        drop((second, third));
        assert_eq!(permits.in_flight(), 0);
    }

    #[test]
    fn a_lower_limit_lets_none_in_until_it_has_drained() {
        let permits = Permits::new(3);
        let mut out: Vec<Permit> = std::iter::from_fn(|| permits.try_acquire()).collect();
        assert_eq!(out.len(), 3);
        permits.set_limit(1);
        while out.pop().is_some() {
            let room = out.is_empty();
            assert_eq!(permits.try_acquire().is_some(), room);
        }
        permits.set_limit(0);
        assert!(permits.try_acquire().is_none());
        permits.set_limit(u32::MAX);
        let _permit = permits.try_acquire().unwrap();
        assert_eq!((permits.limit(), permits.in_flight()), (u32::MAX, 1));
    }
}
