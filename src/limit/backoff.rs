//! How long to wait before a retry: exponential back-off with full jitter, as in M. Brooker's *Exponential Backoff And Jitter*
//! (AWS, 2015), which spreads retries of many clients the most.

use std::time::Duration;

/// Nobody is kept waiting for longer between two attempts.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The range of the back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the first retry; it doubles with each.
    pub min: Duration,
    /// The longest wait before any.
    pub max: Duration,
}

impl Backoff {
    /// The wait before retry `n`, counted from 0. `random` is evenly spread from 0 to 1, `retry_after` what the upstream asked
    /// for, `left` the time until the request must be answered. `None`: waiting is no use, fall back or give up.
    pub fn wait(self, n: u32, random: f64, retry_after: Option<Duration>, left: Duration) -> Option<Duration> {
        let ceiling = self.min.saturating_mul(1 << n.min(31)).min(self.max);
        let jittered = Duration::try_from_secs_f64(ceiling.as_secs_f64() * random).unwrap_or(ceiling).min(ceiling);
        let wait = jittered.max(retry_after.unwrap_or_default());
        (wait <= MAX_WAIT.min(left)).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(2) };

    #[test]
    fn the_range_doubles_up_to_its_maximum() {
        let longest = |n| BACKOFF.wait(n, 1.0, None, SECOND * 60).map(|wait| wait.as_millis());
        assert_eq!([0, 1, 2, 3, 4, 5, 31, 32, u32::MAX].map(longest), [100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000].map(Some));
        assert_eq!(BACKOFF.wait(3, 0.0, None, SECOND), Some(Duration::ZERO));
        assert_eq!(BACKOFF.wait(3, 0.25, None, SECOND), Some(SECOND / 5));
    }

    #[test]
    fn what_the_upstream_asks_for_is_the_least() {
        let asked = |after| BACKOFF.wait(0, 0.5, Some(after), SECOND * 60);
        assert_eq!(asked(Duration::ZERO), Some(SECOND / 20));
        assert_eq!(asked(SECOND * 10), Some(SECOND * 10));
        assert_eq!(asked(SECOND * 10 + Duration::from_nanos(1)), None);
    }

    #[test]
    fn a_wait_past_the_deadline_is_none() {
        assert_eq!(BACKOFF.wait(0, 0.5, Some(SECOND), SECOND), Some(SECOND));
        assert_eq!(BACKOFF.wait(0, 0.5, Some(SECOND), SECOND - Duration::from_nanos(1)), None);
        assert_eq!(BACKOFF.wait(9, 1.0, None, SECOND), None);
        let endless = Backoff { min: SECOND * 20, max: Duration::MAX };
        assert_eq!(endless.wait(u32::MAX, 1.0, None, Duration::MAX), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_within_every_bound(min in 0..5_000_u64, max in 0..20_000_u64, n in any::<u32>(), random in any::<f64>(),
                                        asked in prop::option::of(0..20_000_u64), left in 0..20_000_u64) {
            let ms = Duration::from_millis;
            let backoff = Backoff { min: ms(min), max: ms(max) };
            if let Some(wait) = backoff.wait(n, random, asked.map(ms), ms(left)) {
                prop_assert!(wait <= SECOND * 10 && wait <= ms(left));
                prop_assert!(wait >= ms(asked.unwrap_or(0)));
                prop_assert!(wait <= ms(max.max(asked.unwrap_or(0))));
            } else {
                prop_assert!(max.max(asked.unwrap_or(0)) > left.min(10_000));
            }
        }
    }
}
