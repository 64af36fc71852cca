//! The 95th percentile of first-token times of the last minutes, in bounded memory: a histogram whose buckets grow with the
//! value, as in HdrHistogram, in two halves of the window that take turns.

use std::time::Duration;

use tokio::time::Instant;

use crate::limit::ring::Ring;

/// How far back it looks: all of it just before a half is forgotten, half of it just after.
const WINDOW: Duration = Duration::from_secs(300);
/// With fewer times it says nothing.
const ENOUGH: u32 = 20;
/// Buckets to a doubling, as a power of two: 16 keep the error below 1/16.
const STEPS: u32 = 4;
/// Milliseconds up to 2^20, a quarter of an hour; longer times count as that.
const OCTAVES: u32 = 20;
/// One a millisecond at first, then 2^STEPS an octave.
const BUCKETS: usize = ((OCTAVES - STEPS + 1) << STEPS) as usize;

/// The times of one target.
pub struct Percentile {
    halves: Ring<Histogram, 2>,
}

#[derive(Clone, Copy)]
struct Histogram([u32; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Percentile {
    pub fn new(now: Instant) -> Self {
        Self { halves: Ring::new(WINDOW, now) }
    }

    pub fn record(&mut self, now: Instant, time: Duration) {
        self.halves.record(now, |half| {
            if let Some(count) = half.0.get_mut(bucket(time)) {
                *count = count.saturating_add(1);
            }
        });
    }

    /// The time within which 95 of 100 answers began, rounded up by less than 1/16 and a millisecond. `None` before 20 answers.
    pub fn p95(&mut self, now: Instant) -> Option<Duration> {
        let [a, b] = self.halves.buckets(now);
        let counts = || a.0.iter().zip(&b.0).map(|(a, b)| u64::from(*a) + u64::from(*b));
        let total: u64 = counts().sum();
        if total < u64::from(ENOUGH) {
            return None;
        }
        let rank = (total * 95).div_ceil(100);
        let mut seen = 0;
        let at = counts().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper_end(at))
    }
}

fn bucket(time: Duration) -> usize {
    let most = (1 << OCTAVES) - 1;
    let ms = u32::try_from(time.as_millis()).unwrap_or(most).min(most);
    // The highest bits: the octave and the step in it.
    let shift = ms.max(1).ilog2().saturating_sub(STEPS);
    ((shift << STEPS) + (ms >> shift)) as usize
}

/// The first time above the bucket.
fn upper_end(bucket: usize) -> Duration {
    let next = bucket as u64 + 1;
    let shift = (next >> STEPS).saturating_sub(1);
    Duration::from_millis((next - (shift << STEPS)) << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn buckets_join_and_are_narrow() {
        let ms = Duration::from_millis;
        assert_eq!(bucket(Duration::ZERO), 0);
        let mut begin = 0;
        for at in 0..BUCKETS {
            let end = upper_end(at).as_millis() as u64;
            assert_eq!((bucket(ms(begin)), bucket(ms(end - 1))), (at, at));
            assert!(end <= begin + 1 + begin / 16, "{begin} to {end}");
            begin = end;
        }
        assert_eq!(begin, 1 << OCTAVES);
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn it_says_nothing_before_twenty_and_forgets_by_halves() {
        let t0 = Instant::now();
        let mut times = Percentile::new(t0);
        (0..19).for_each(|_| times.record(t0, SECOND));
        assert_eq!(times.p95(t0), None);
        times.record(t0 + SECOND * 150, SECOND);
        let p95 = times.p95(t0 + SECOND * 299).expect("twenty");
        assert!(p95 > SECOND && p95 <= SECOND * 17 / 16 + Duration::from_millis(1), "{p95:?}");
        assert_eq!(times.p95(t0 + SECOND * 300), None);
        assert!(size_of::<Percentile>() < 3000, "{}", size_of::<Percentile>());
    }

    proptest! {
        #[test]
        fn it_is_the_95th_of_the_sorted_times(mut times in prop::collection::vec(0..200_000_u64, 20..300)) {
            let t0 = Instant::now();
            let mut percentile = Percentile::new(t0);
            times.iter().for_each(|ms| percentile.record(t0, Duration::from_millis(*ms)));
            times.sort_unstable();
            let exact = times[(times.len() * 95).div_ceil(100) - 1];
            let told = percentile.p95(t0).expect("enough").as_millis() as u64;
            prop_assert!(told > exact && told <= exact + 1 + exact / 16, "{} for {}", told, exact);
        }
    }
}
