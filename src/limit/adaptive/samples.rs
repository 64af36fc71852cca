//! The latest first-token times, and their quantiles.

use std::time::Duration;

/// So many are kept.
const KEPT: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    times: Vec<Duration>,
    /// All since the last clearing.
    count: usize,
}

impl Samples {
    pub(super) fn push(&mut self, time: Duration) {
        match self.times.get_mut(self.count % KEPT) {
            Some(oldest) => *oldest = time,
            None => self.times.push(time),
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The sample below which `part` of 100 lie.
    pub(super) fn percentile(&mut self, part: usize) -> Option<Duration> {
        let last = self.times.len().checked_sub(1)?;
        // The order is of no matter: the oldest is not told apart from the rest once a new round begins.
        let (_, time, _) = self.times.select_nth_unstable(last * part.min(100) / 100);
        Some(*time)
    }

    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_the_latest() {
        let mut samples = Samples::default();
        assert_eq!(samples.percentile(50), None);
        for millis in (0..1_000).rev() {
            samples.push(Duration::from_millis(millis));
        }
        assert_eq!(samples.count(), 1_000);
        for (part, millis) in [(0, 0), (50, 31), (90, 56), (100, 63)] {
            assert_eq!(samples.percentile(part), Some(Duration::from_millis(millis)));
        }
        samples.clear();
        samples.push(Duration::from_millis(5));
        assert_eq!(samples.percentile(90), Some(Duration::from_millis(5)));
    }
}
