//! Counts over a sliding window. A ring of buckets is exact where a moving average is not: its answer does not depend on how
//! fast the counts came in. The price is that the past leaves a bucket at a time, so the window is up to one bucket short.

use std::ops::AddAssign;
use std::time::Duration;

use tokio::time::Instant;

/// The last `N` spans of time, each with a `T` of its own.
pub(super) struct Ring<T, const N: usize> {
    /// The newest first.
    buckets: [T; N],
    /// The time one bucket covers.
    span: Duration,
    /// When the newest bucket began.
    began: Instant,
}

impl<T: Copy + Default, const N: usize> Ring<T, N> {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self { buckets: [T::default(); N], span: Self::span(window), began: now }
    }

    /// Changes the bucket of `now`. A `now` before the newest bucket counts in the newest.
    pub(super) fn record(&mut self, now: Instant, change: impl FnOnce(&mut T)) {
        self.roll(now);
        if let Some(newest) = self.buckets.first_mut() {
            change(newest);
        }
    }

    /// The buckets of the window that ends at `now`, the newest first.
    pub(super) fn buckets(&mut self, now: Instant) -> &[T; N] {
        self.roll(now);
        &self.buckets
    }

    fn roll(&mut self, now: Instant) {
        let past = now.saturating_duration_since(self.began);
        if past < self.span {
            return;
        }
        let steps = past.as_nanos() / self.span.as_nanos();
        match usize::try_from(steps) {
            Ok(steps) if steps < N => {
                self.buckets.rotate_right(steps);
                self.buckets.iter_mut().take(steps).for_each(|bucket| *bucket = T::default());
            }
            _ => self.buckets = [T::default(); N],
        }
        // What is left of the newest bucket's span has passed already.
        self.began = now - Duration::from_nanos_u128(past.as_nanos() % self.span.as_nanos());
    }

    fn span(window: Duration) -> Duration {
        (window / N as u32).max(Duration::from_nanos(1))
    }
}

impl<T: Copy + Default + AddAssign, const N: usize> Ring<T, N> {
    /// Makes the window longer or shorter. Counts keep their age; those older than the new window are forgotten.
    pub(super) fn resize(&mut self, window: Duration) {
        let span = Self::span(window);
        if span == self.span {
            return;
        }
        let mut buckets = [T::default(); N];
        for (age, counts) in self.buckets.into_iter().enumerate() {
            let age = self.span.as_nanos() * age as u128 / span.as_nanos();
            if let Some(bucket) = usize::try_from(age).ok().and_then(|age| buckets.get_mut(age)) {
                *bucket += counts;
            }
        }
        self.buckets = buckets;
        self.span = span;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn total<const N: usize>(ring: &mut Ring<u32, N>, now: Instant) -> u32 {
        ring.buckets(now).iter().sum()
    }

    #[test]
    fn the_past_leaves_a_bucket_at_a_time() {
        let t0 = Instant::now();
        let mut ring = Ring::<u32, 10>::new(SECOND * 10, t0);
        ring.record(t0, |n| *n += 1);
        ring.record(t0 + SECOND * 3, |n| *n += 2);
        assert_eq!(total(&mut ring, t0 + SECOND * 9), 3);
        assert_eq!(total(&mut ring, t0 + SECOND * 10), 2);
        assert_eq!(total(&mut ring, t0 + SECOND * 13), 0);
        // A latecomer is counted now rather than lost.
        ring.record(t0, |n| *n += 1);
        assert_eq!(total(&mut ring, t0 + SECOND * 13), 1);
        assert_eq!(total(&mut ring, t0 + SECOND * 100_000), 0);
    }

    #[test]
    fn a_resized_window_keeps_the_age_of_its_counts() {
        let t0 = Instant::now();
        let mut ring = Ring::<u32, 10>::new(SECOND * 10, t0);
        for second in 0..10 {
            ring.record(t0 + SECOND * second, |n| *n += 1);
        }
        let now = t0 + SECOND * 9;
        ring.resize(SECOND * 50);
        assert_eq!(ring.buckets(now)[..3], [5, 5, 0]);
        ring.resize(SECOND * 10);
        assert_eq!(total(&mut ring, now), 10);
        ring.resize(SECOND * 2);
        assert_eq!(ring.buckets(now)[0], 5);
        assert_eq!(total(&mut ring, now), 5);
    }

    #[test]
    fn extreme_windows_do_not_panic() {
        let t0 = Instant::now();
        let mut ring = Ring::<u32, 10>::new(Duration::ZERO, t0);
        ring.record(t0 + SECOND, |n| *n += 1);
        ring.resize(Duration::MAX);
        ring.record(t0 + SECOND * 2, |n| *n += 1);
        assert_eq!(total(&mut ring, t0 + SECOND * 1_000_000), 2);
    }

    proptest! {
        /// Against a log of every count with its time.
        #[test]
        fn counts_what_a_log_counts(steps in prop::collection::vec((0..4_000_u64, 0..3_u32), 1..200)) {
            let t0 = Instant::now();
            let mut ring = Ring::<u32, 10>::new(SECOND * 10, t0);
            let mut log = Vec::new();
            let mut at = 0;
            for (step, count) in steps {
                at += step;
                let now = t0 + Duration::from_millis(at);
                ring.record(now, |n| *n += count);
                log.push((at / 1000, count));
                let expected: u32 = log.iter().filter(|(second, _)| second + 10 > at / 1000).map(|(_, n)| n).sum();
                prop_assert_eq!(total(&mut ring, now), expected);
            }
        }
    }
}
