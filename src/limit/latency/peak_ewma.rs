//! A moving average of first-token times that is quick to believe bad news: it jumps up to a slower time at once and comes down
//! slowly. From Finagle's `PeakEwma` load metric, which linkerd uses as well.
//!
//! A target that fails has no first-token time and looks cheap; keeping it out is the breaker's part.

use std::time::Duration;

use tokio::time::Instant;

/// How fast the past is forgotten: after so long it weighs 1/e.
const DECAY: Duration = Duration::from_secs(10);
/// In seconds, what a target costs for each request under way before its first answer: more than any known time, so that one
/// request tries it and the rest wait for what comes of it.
const UNKNOWN: f64 = 1e6;

/// The average of one target.
#[derive(Clone, Copy, Debug, Default)]
pub struct PeakEwma {
    /// Seconds, as of then; `None` before the first answer.
    average: Option<(f64, Instant)>,
}

impl PeakEwma {
    pub fn record(&mut self, now: Instant, first_token: Duration) {
        let sample = first_token.as_secs_f64();
        let Some((average, then)) = self.average else {
            self.average = Some((sample, now));
            return;
        };
        let average = if sample > average {
            sample
        } else {
            let weight = weight(then, now);
            average * weight + sample * (1.0 - weight)
        };
        self.average = Some((average, then.max(now)));
    }

    /// What another request would cost: the average times the requests there would be under way. While nothing is recorded the
    /// average sinks towards 0, so that a target that was slow once is tried again.
    pub fn cost(&self, now: Instant, in_flight: usize) -> f64 {
        match self.average {
            Some((average, then)) => average * weight(then, now) * (in_flight as f64 + 1.0),
            None => UNKNOWN * in_flight as f64,
        }
    }
}

/// What is left of the past after the time from `then` to `now`.
fn weight(then: Instant, now: Instant) -> f64 {
    (-now.saturating_duration_since(then).div_duration_f64(DECAY)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn it_jumps_up_and_decays_down() {
        let t0 = Instant::now();
        let mut ewma = PeakEwma::default();
        ewma.record(t0, SECOND);
        ewma.record(t0, SECOND * 5);
        assert!(near(ewma.cost(t0, 0), 5.0), "up at once");
        ewma.record(t0 + DECAY, SECOND);
        let e = std::f64::consts::E;
        let average = 5.0 / e + 1.0 - 1.0 / e;
        assert!(near(ewma.cost(t0 + DECAY, 0), average), "down by the time that has passed");
        assert!(near(ewma.cost(t0 + DECAY, 3), average * 4.0));
        assert!(near(ewma.cost(t0 + DECAY * 2, 0), average / e), "towards 0 while nothing comes");
    }

    #[test]
    fn an_unknown_target_is_tried_by_one_request() {
        let t0 = Instant::now();
        let unknown = PeakEwma::default();
        let mut slow = PeakEwma::default();
        slow.record(t0, SECOND * 600);
        assert!(unknown.cost(t0, 0) < slow.cost(t0, 0));
        assert!(unknown.cost(t0, 1) > slow.cost(t0, 100));
    }

    #[test]
    fn a_late_clock_does_no_harm() {
        let t0 = Instant::now();
        let mut ewma = PeakEwma::default();
        ewma.record(t0 + SECOND, SECOND * 2);
        ewma.record(t0, SECOND);
        assert!(near(ewma.cost(t0, 0), 2.0));
    }
}
