//! Gradient2: Netflix's concurrency-limits (`Gradient2Limit`), on first-token times.
//!
//! The limit is multiplied by how much shorter the usual time is than the present one, and may exceed that by a small queue. The
//! present time is a window's 90th percentile, as failsafe-go's adaptive limiter takes it; the usual one is an exponential
//! average over 600 windows. Refusals, which the original does not know, take a tenth once in a window.

use std::time::Duration;

use tokio::time::Instant;

use super::is_pushed;
use super::samples::Samples;

/// A window ends after the first, if it has enough samples, and at the latest after the second.
const WINDOW: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
const MIN_SAMPLES: usize = 50;
/// The requests that may wait at the vendor.
const QUEUE: f64 = 4.0;
/// What the present time may exceed the usual one by.
const TOLERANCE: f64 = 1.5;
/// The part of a new limit that is taken over at once.
const SMOOTHING: f64 = 0.2;
const DECREASE: f64 = 0.9;
/// The usual time is a plain average of so many windows first,
const WARM_UP: u32 = 10;
/// and then one that forgets in so many.
const LONG_WINDOW: f64 = 600.0;

#[derive(Clone, Debug)]
pub(super) struct Gradient2 {
    began: Instant,
    samples: Samples,
    pushed: bool,
    dropped: bool,
    /// In seconds.
    usual: f64,
    /// Windows averaged so far, up to `WARM_UP`.
    windows: u32,
}

impl Gradient2 {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, samples: Samples::default(), pushed: false, dropped: false, usual: 0.0, windows: 0 }
    }

    /// The limit after a first token.
    pub(super) fn first_token(&mut self, limit: f64, now: Instant, in_flight: u32, time: Duration) -> f64 {
        self.samples.push(time);
        self.pushed |= is_pushed(limit, in_flight);
        self.turn(limit, now)
    }

    /// The limit after a drop.
    pub(super) fn dropped(&mut self, limit: f64, now: Instant) -> f64 {
        let limit = self.turn(limit, now);
        if std::mem::replace(&mut self.dropped, true) { limit } else { limit * DECREASE }
    }

    /// Ends the window if it is over. The limit then.
    fn turn(&mut self, limit: f64, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.began);
        let (min, max) = WINDOW;
        let over = age >= max || age >= min && (self.samples.count() >= MIN_SAMPLES || self.dropped);
        if !over {
            return limit;
        }
        let present = self.samples.percentile(90);
        let grows = self.pushed && !self.dropped;
        (self.began, self.pushed, self.dropped) = (now, false, false);
        self.samples.clear();
        match present {
            Some(present) => self.adapt(limit, present.as_secs_f64(), grows),
            None => limit,
        }
    }

    fn adapt(&mut self, limit: f64, present: f64, grows: bool) -> f64 {
        self.learn(present);
        // The usual time has learnt from an overload that is over.
        if self.usual > 2.0 * present {
            self.usual *= DECREASE;
        }
        if !grows {
            return limit;
        }
        let gradient = (TOLERANCE * self.usual / present).clamp(0.5, 1.0);
        let aim = limit * gradient + QUEUE;
        limit * (1.0 - SMOOTHING) + aim * SMOOTHING
    }

    fn learn(&mut self, present: f64) {
        let part = if self.windows < WARM_UP {
            self.windows += 1;
            1.0 / f64::from(self.windows)
        } else {
            2.0 / (LONG_WINDOW + 1.0)
        };
        self.usual += (present - self.usual) * part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit of 40 and what becomes of it in windows of a second.
    struct Windows {
        gradient: Gradient2,
        limit: f64,
        now: Instant,
    }

    impl Windows {
        fn new() -> Self {
            let now = Instant::now();
            Self { gradient: Gradient2::new(now), limit: 40.0, now }
        }

        /// A window with first tokens after so many milliseconds. What the limit grows by.
        fn window(&mut self, millis: u64, in_flight: u32) -> f64 {
            let before = self.limit;
            self.now += WINDOW.0;
            for _ in 0..MIN_SAMPLES {
                self.limit = self.gradient.first_token(self.limit, self.now, in_flight, Duration::from_millis(millis));
            }
            self.limit - before
        }

        fn drop(&mut self) -> f64 {
            let before = self.limit;
            self.limit = self.gradient.dropped(self.limit, self.now);
            self.limit - before
        }
    }

    fn assert_near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn grows_by_a_part_of_the_queue_and_shrinks_with_the_gradient() {
        let mut windows = Windows::new();
        assert_near(windows.window(100, 40), 0.8);
        // Within the tolerance: the average is 110.
        assert_near(windows.window(120, 40), 0.8);
        let before = windows.limit;
        // The average is 240, so the gradient is 1.5 * 240 / 500.
        assert_near(windows.window(500, 40), (before * 0.72 + 4.0 - before) * 0.2);
        let before = windows.limit;
        // No steeper than a half.
        assert_near(windows.window(60_000, 40), (before * 0.5 + 4.0 - before) * 0.2);
    }

    #[test]
    fn does_not_grow_while_less_than_half_is_used() {
        let mut windows = Windows::new();
        assert_near(windows.window(100, 19), 0.0);
        assert_near(windows.window(100, 20), 0.8);
    }

    #[test]
    fn a_refusal_takes_a_tenth_once_in_a_window() {
        let mut windows = Windows::new();
        assert_near(windows.drop(), -4.0);
        assert_near(windows.drop(), 0.0);
        // The first of these ends the window with the drop.
        assert_near(windows.window(100, 40), 0.0);
        assert_near(windows.drop(), -3.6);
    }

    #[test]
    fn forgets_an_overload_that_is_over() {
        let mut windows = Windows::new();
        for _ in 0..20 {
            windows.window(4_000, 1_000);
        }
        for _ in 0..40 {
            windows.window(100, 1_000);
        }
        assert!(windows.window(1_000, 1_000) < 0.0);
    }

    #[test]
    fn a_window_waits_for_samples() {
        let mut windows = Windows::new();
        let mut first_token = |seconds| {
            let now = windows.now + Duration::from_secs(seconds);
            windows.gradient.first_token(40.0, now, 40, Duration::from_millis(100))
        };
        assert_near(first_token(29), 40.0);
        assert_near(first_token(30), 40.8);
    }
}
