//! Whether a configuration that was taken over does worse than the one before it. Nothing here reads a clock or a counter.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::config::Rollout;

/// So many times in a window it is remembered what had been counted.
const MARKS: u32 = 10;

/// What has been counted of the requests of one configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That ended, and whose client was still there.
    pub requests: u64,
    /// Of these, with a status of 500 and more or 429, or a stream that broke.
    pub failed: u64,
}

impl Counts {
    fn since(self, earlier: Self) -> Self {
        Self { requests: self.requests.saturating_sub(earlier.requests), failed: self.failed.saturating_sub(earlier.failed) }
    }

    fn rate(self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 / self.requests as f64 }
    }
}

/// Why the configuration before is to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worse {
    /// Parts of the requests that failed, from 0 to 1.
    pub before: f64,
    pub after: f64,
}

/// Compares each configuration with the last one that stood the comparison.
#[derive(Debug, Default)]
pub struct Judge {
    /// Of the configuration that is accepted, the oldest first.
    marks: VecDeque<(Instant, Counts)>,
    trial: Option<Trial>,
}

#[derive(Debug)]
struct Trial {
    ends: Instant,
    /// Of the accepted configuration, in the last window before the trial.
    before: Counts,
}

impl Judge {
    /// The accepted configuration runs and has counted so much.
    pub fn steady(&mut self, settings: &Rollout, counts: Counts, now: Instant) {
        while self.marks.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= settings.window) {
            self.marks.pop_front();
        }
        let pause = settings.window / MARKS;
        if self.marks.back().is_none_or(|(at, _)| now.duration_since(*at) >= pause) {
            self.marks.push_back((now, counts));
        }
    }

    /// Another configuration runs from now on; `counts` is what the accepted one ended with. One more that comes before the trial
    /// has ended is compared with the accepted one, too.
    pub fn begin(&mut self, settings: &Rollout, counts: Counts, now: Instant) {
        let ends = now + settings.window;
        match &mut self.trial {
            Some(trial) => trial.ends = ends,
            None => {
                let first = self.marks.front().map_or_else(Counts::default, |(_, counts)| *counts);
                self.trial = Some(Trial { ends, before: counts.since(first) });
            }
        }
    }

    /// Whether there is a trial.
    pub fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    /// What the configuration on trial has counted since it runs. Who has had too few requests is not compared with.
    pub fn look(&mut self, settings: &Rollout, counts: Counts, now: Instant) -> Option<Worse> {
        let trial = self.trial.as_ref()?;
        let is_enough = trial.before.requests >= settings.min_requests && counts.requests >= settings.min_requests;
        let (before, after) = (trial.before.rate(), counts.rate());
        if is_enough && after > before + settings.error_rate {
            return Some(Worse { before, after });
        }
        if now >= trial.ends {
            self.end();
        }
        None
    }

    /// What runs now is accepted, and its counts begin anew.
    pub fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SETTINGS: Rollout = Rollout { window: Duration::from_secs(100), error_rate: 0.1, min_requests: 10 };

    fn counts(requests: u64, failed: u64) -> Counts {
        Counts { requests, failed }
    }

    /// After a window in which `of` 100 requests failed.
    fn tried(of: u64) -> (Judge, Instant) {
        let (mut judge, start) = (Judge::default(), Instant::now());
        judge.steady(&SETTINGS, Counts::default(), start);
        let now = start + SETTINGS.window;
        judge.begin(&SETTINGS, counts(100, of), now);
        (judge, now)
    }

    #[test]
    fn more_errors_than_before_bring_the_old_one_back() {
        let (mut judge, now) = tried(20);
        assert_eq!(judge.look(&SETTINGS, counts(9, 9), now), None, "too few to tell");
        assert_eq!(judge.look(&SETTINGS, counts(100, 30), now), None, "no more than the threshold above");
        assert_eq!(judge.look(&SETTINGS, counts(100, 31), now), Some(Worse { before: 0.2, after: 0.31 }));
        assert!(judge.is_trying(), "until it has been done");
    }

    #[test]
    fn who_stands_the_window_is_accepted() {
        let (mut judge, now) = tried(0);
        assert_eq!(judge.look(&SETTINGS, counts(1000, 100), now + SETTINGS.window), None);
        assert!(!judge.is_trying());
        assert_eq!(judge.look(&SETTINGS, counts(2000, 1900), now + SETTINGS.window), None);
    }

    #[test]
    fn nothing_is_compared_with_too_few_requests() {
        let (mut judge, now) = (Judge::default(), Instant::now());
        judge.steady(&SETTINGS, Counts::default(), now);
        judge.begin(&SETTINGS, counts(9, 0), now);
        assert_eq!(judge.look(&SETTINGS, counts(100, 100), now), None);
    }

    #[test]
    fn only_the_last_window_counts() {
        let (mut judge, start) = (Judge::default(), Instant::now());
        judge.steady(&SETTINGS, Counts::default(), start);
        let mut now = start;
        for second in 1..=300 {
            now = start + Duration::from_secs(second);
            // It failed long ago.
            judge.steady(&SETTINGS, counts(second * 10, (second * 10).min(1000)), now);
            assert!(judge.marks.len() <= 12, "no more than so many marks are kept");
        }
        judge.begin(&SETTINGS, counts(3000, 1000), now);
        assert_eq!(judge.look(&SETTINGS, counts(10, 2), now), Some(Worse { before: 0.0, after: 0.2 }));
    }

    #[test]
    fn one_more_change_is_compared_with_the_accepted_one() {
        let (mut judge, now) = tried(0);
        let later = now + SETTINGS.window / 2;
        judge.begin(&SETTINGS, counts(50, 1), later);
        assert_eq!(judge.look(&SETTINGS, counts(0, 0), now + SETTINGS.window), None);
        assert!(judge.is_trying(), "the window begins anew");
        assert_eq!(judge.look(&SETTINGS, counts(20, 20), later), Some(Worse { before: 0.0, after: 1.0 }));
    }
}
