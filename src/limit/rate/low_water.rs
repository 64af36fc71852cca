//! The lowest level of a token bucket since an instant.
//!
//! It says how much of something taken then can be given back. Had it not been taken, the level would have been lower by so
//! much ever since, but never below zero: what would have drained into nothing is lost. So no more can be given back than the
//! lowest level there was since.

use tokio::time::Instant;

/// Up to so many marks the answer is exact.
const EXACT: usize = 64;
/// Beyond, marks are merged that lie within this part of the range of levels. A merged mark answers with its lowest level, so
/// that of one taking less is given back by up to this part, never more. Two neighbours that are left span more than the part,
/// so half of the marks are free again.
const MERGED: u128 = 16;

/// The levels from which the level rose, those left out that a later one undercuts. So they rise from the oldest to the latest,
/// and the first one after an instant is the lowest since.
#[derive(Clone, Debug, Default)]
pub(super) struct LowWater {
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    /// The lowest level of those merged.
    level: u128,
    /// By how much the highest of them is above it.
    span: u128,
}

impl LowWater {
    /// The level rises from `level`.
    pub(super) fn record(&mut self, at: Instant, level: u128) {
        while self.marks.last().is_some_and(|last| last.level >= level) {
            self.marks.pop();
        }
        // Nothing drains within an instant; the lower level of one is the earlier.
        if self.marks.last().is_some_and(|last| last.at == at) {
            return;
        }
        if self.marks.len() == EXACT {
            self.merge();
        }
        self.marks.push(Mark { at, level, span: 0 });
    }

    /// The lowest level after `instant`, if it has risen since.
    pub(super) fn since(&self, instant: Instant) -> Option<u128> {
        self.marks.get(self.after(instant)).map(|mark| mark.level)
    }

    /// The levels after `instant` were lower by `by`, which is at most the lowest of them.
    pub(super) fn reduce(&mut self, instant: Instant, by: u128) {
        let mut after = self.after(instant);
        for mark in self.marks.iter_mut().skip(after) {
            mark.level = mark.level.saturating_sub(by);
        }
        while let Some(before) = after.checked_sub(1)
            && let (Some(earlier), Some(later)) = (self.marks.get(before), self.marks.get(after))
            && earlier.level >= later.level
        {
            self.marks.remove(before);
            after = before;
        }
    }

    /// Levels are counted in another unit from now on.
    pub(super) fn scale(&mut self, scale: impl Fn(u128) -> u128) {
        for mark in &mut self.marks {
            mark.level = scale(mark.level);
            mark.span = scale(mark.span);
        }
    }

    fn after(&self, instant: Instant) -> usize {
        self.marks.partition_point(|mark| mark.at <= instant)
    }

    fn merge(&mut self) {
        let lowest = self.marks.first().map_or(0, |mark| mark.level);
        let highest = self.marks.last().map_or(0, |mark| mark.level);
        let part = (highest - lowest) / MERGED;
        self.marks.dedup_by(|later, kept| {
            let span = later.level - kept.level + later.span;
            let near = span <= part;
            if near {
                kept.at = later.at;
                kept.span = span;
            }
            near
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Levels that rise on the whole, as under steady load, and are undercut now and then.
    #[test]
    fn answers_at_most_the_lowest_level_and_little_less() {
        let start = Instant::now();
        let at = |step: u64| start + Duration::from_millis(step);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let (mut low_water, mut all) = (LowWater::default(), Vec::new());
            let mut level: u128 = 0;
            for step in 0..600 {
                level = (level + random.u128(0..1_000)).saturating_sub(random.u128(0..500));
                if random.u32(0..200) == 0 {
                    level -= random.u128(0..=level);
                }
                low_water.record(at(step), level);
                all.push(level);
                assert!(low_water.marks.len() <= EXACT);
                let range = all.iter().max().unwrap() - all.iter().min().unwrap();
                for since in [random.u64(0..=step), step.saturating_sub(1)] {
                    let lowest = all[usize::try_from(since).unwrap()..].iter().skip(1).min().copied();
                    let answer = low_water.since(at(since));
                    assert_eq!(answer.is_some(), lowest.is_some());
                    assert!(answer <= lowest);
                    assert!(answer.map(|answer| answer + range / MERGED) >= lowest, "{answer:?} {lowest:?} of {range}");
                }
            }
        }
    }
}
