//! A limit of what may be under way at once. Takes its atomics from `base::sync` and nothing else, so that `tests/loom` can
//! check every interleaving of this very file.

use crate::base::sync::{Arc, AtomicU32, Ordering};

/// So many permits; the number may change at any time.
#[derive(Debug)]
pub struct Permits {
    in_flight: AtomicU32,
    limit: AtomicU32,
}

/// Leave to be under way. Given back when dropped, on whatever thread.
#[must_use = "dropping a permit gives it back"]
#[derive(Debug)]
pub struct Permit {
    permits: Arc<Permits>,
}

impl Permits {
    /// At most `limit` at once; `u32::MAX` is no limit.
    pub fn new(limit: u32) -> Self {
        Self { in_flight: AtomicU32::new(0), limit: AtomicU32::new(limit) }
    }

    /// A permit, unless as many are out as the limit allows.
    pub fn try_acquire(self: &Arc<Self>) -> Option<Permit> {
        let mut in_flight = self.in_flight.load(Ordering::Relaxed);
        while in_flight < self.limit() {
            let more = in_flight + 1;
            // Acquire, to see what was done under the permit that made room.
            match self.in_flight.compare_exchange_weak(in_flight, more, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Permit { permits: Arc::clone(self) }),
                Err(current) => in_flight = current,
            }
        }
        None
    }

    /// The permits that are out.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub fn limit(&self) -> u32 {
        self.limit.load(Ordering::Acquire)
    }

    /// Changes the limit. Where more permits are out, none is given until enough have come back.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Release);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.in_flight.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_returns_when_dropped() {
        let permits = Arc::new(Permits::new(2));
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
        let permits = Arc::new(Permits::new(3));
        let mut out: Vec<Permit> = std::iter::from_fn(|| permits.try_acquire()).collect();
        assert_eq!(out.len(), 3);
        permits.set_limit(1);
        while out.pop().is_some() {
            let room = out.is_empty();
            assert_eq!(permits.try_acquire().is_some(), room);
        }
        permits.set_limit(0);
        assert!(permits.try_acquire().is_none());
    }
}
