mod fixed_window;
mod reconfigure;
mod sliding_window;
mod token_bucket;

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn sliding(amount: u64, per: Duration) -> RateSettings {
    RateSettings { algorithm: Algorithm::SlidingWindow, ..RateSettings::new(amount, per) }
}

/// Takes `n` if it fits.
fn try_take(limiter: &mut RateLimiter, now: Instant, n: u64) -> Result<(), Wait> {
    limiter.check(now, n).map(|()| limiter.take(now, n))
}

/// What may happen to a limiter. `which` picks one of the takes so far.
#[derive(Clone, Copy, Debug)]
enum Step {
    Advance(u64),
    Try(u64),
    Charge(u64),
    GiveBack { which: usize, n: u64 },
    Lower(u64),
}

/// Steps around a limit of `amount` in `per` nanoseconds.
fn steps(amount: u64, per: u64, count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..=per / 3).prop_map(Step::Advance),
        1 => (per / 2..=2 * per).prop_map(Step::Advance),
        6 => (0..=amount + 1).prop_map(Step::Try),
        3 => (0..=amount / 4 + 1).prop_map(Step::Try),
        1 => (0..=2 * amount).prop_map(Step::Charge),
        4 => (any::<usize>(), 0..=amount).prop_map(|(which, n)| Step::GiveBack { which, n }),
        1 => (0..=amount).prop_map(Step::Lower),
    ];
    proptest::collection::vec(step, count)
}

/// The wait is the truth: `n` fits after it, and not a nanosecond before.
fn assert_wait_is_exact(limiter: &RateLimiter, now: Instant, n: u64, wait: Wait) {
    match wait {
        Wait::Never => assert!(n > limiter.capacity()),
        Wait::For(wait) => {
            assert!(wait > Duration::ZERO);
            assert_eq!(limiter.clone().check(now + wait, n), Ok(()));
            assert!(limiter.clone().check(now + wait - Duration::from_nanos(1), n).is_err());
        }
    }
}

/// Once more has been used than there was, not even a request without tokens fits.
#[test]
fn a_debt_lets_nothing_through() {
    let start = Instant::now();
    for algorithm in [Algorithm::TokenBucket, Algorithm::SlidingWindow, Algorithm::FixedWindow { boundary: start }] {
        let mut limiter = RateLimiter::new(RateSettings { algorithm, ..RateSettings::new(10, MINUTE) }, start);
        limiter.charge(start, 10);
        assert_eq!(limiter.check(start, 0), Ok(()), "{algorithm:?}");
        limiter.charge(start, 1);
        assert!(matches!(limiter.check(start, 0), Err(Wait::For(_))), "{algorithm:?}");
    }
}
