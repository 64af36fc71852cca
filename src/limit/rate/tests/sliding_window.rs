use super::*;

/// Every use with its time, in nanoseconds.
#[derive(Default)]
struct Log {
    events: Vec<(u128, u64)>,
}

impl Log {
    /// What was used in the last `per`, both ends included.
    fn used(&self, now: u128, per: u128) -> u64 {
        self.events.iter().filter(|(at, _)| at + per >= now).map(|(_, n)| n).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_interval_holds_at_most_the_amount(
        (amount, per, steps) in (1..50_u64, 1..2_000_u64)
            .prop_flat_map(|(amount, per)| (Just(amount), Just(per), steps(amount, per, 0..150)))
    ) {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(sliding(amount, Duration::from_nanos(per)), start);
        let slot = u128::from(per.div_ceil(60));
        // One slot more than 60 may be longer than `per` where 60 does not divide it.
        let late = 61 * slot;
        let per = u128::from(per);
        let (mut log, mut taken, mut at) = (Log::default(), Vec::new(), 0);
        for step in steps {
            let now = start + nanos(at);
            match step {
                Step::Advance(by) => at += u128::from(by),
                Step::Try(n) => match try_take(&mut limiter, now, n) {
                    Ok(()) => {
                        taken.push(log.events.len());
                        log.events.push((at, n));
                        if n > 0 {
                            prop_assert!(log.used(at, per) <= amount);
                        }
                    }
                    Err(wait) => {
                        prop_assert!(log.used(at, late) + n > amount);
                        assert_wait_is_exact(&limiter, now, n, wait);
                    }
                },
                Step::Charge(n) => {
                    limiter.charge(now, n);
                    log.events.push((at, n));
                }
                Step::GiveBack { which, n } => {
                    if let Some(which) = which.checked_rem(taken.len()) {
                        let (taken_at, left) = &mut log.events[taken[which]];
                        let n = n.min(*left);
                        *left -= n;
                        limiter.give_back(now, start + nanos(*taken_at), n);
                    }
                }
                Step::Lower(remaining) => {
                    log.events.push((at, limiter.remaining(now).saturating_sub(remaining)));
                    limiter.lower(now, remaining);
                    prop_assert!(limiter.remaining(now) <= remaining);
                }
            }
            let now = start + nanos(at);
            let remaining = limiter.remaining(now);
            prop_assert!(remaining <= amount.saturating_sub(log.used(at, per)));
            prop_assert!(remaining >= amount.saturating_sub(log.used(at, late)));
            let reset = limiter.reset_after(now);
            prop_assert_eq!(limiter.clone().remaining(now + reset), amount);
            prop_assert_eq!(reset == Duration::ZERO, remaining == amount);
        }
    }
}

#[test]
fn a_window_slides_by_seconds() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(sliding(60, MINUTE), start);
    for second in 0..60 {
        assert_eq!(try_take(&mut limiter, start + SECOND * second, 1), Ok(()));
    }
    assert_eq!(limiter.check(start + 60 * SECOND, 1), Err(Wait::For(SECOND)));
    assert_eq!(try_take(&mut limiter, start + 61 * SECOND, 1), Ok(()));
    assert_eq!(limiter.remaining(start + 61 * SECOND), 0);
    assert_eq!(limiter.check(start, 61), Err(Wait::Never));
    assert_eq!(limiter.remaining(start + 180 * SECOND), 60);
}

#[test]
fn an_earlier_now_counts_as_the_latest() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(sliding(10, MINUTE), start);
    limiter.take(start + 30 * SECOND, 4);
    limiter.take(start, 4);
    assert_eq!(limiter.remaining(start + 61 * SECOND), 2);
    assert_eq!(limiter.remaining(start + 91 * SECOND), 10);
}

#[test]
fn what_has_left_the_window_is_not_given_back() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(sliding(10, MINUTE), start);
    limiter.take(start, 6);
    let later = start + 2 * MINUTE;
    limiter.take(later, 3);
    limiter.give_back(later, start, 6);
    assert_eq!(limiter.remaining(later), 7);
    limiter.give_back(later, later, 3);
    assert_eq!(limiter.remaining(later), 10);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(sliding(u64::MAX, Duration::MAX), start);
    assert_eq!(try_take(&mut limiter, start, u64::MAX), Ok(()));
    limiter.charge(start, u64::MAX);
    assert!(limiter.check(start + MINUTE, u64::MAX).is_err());
    let mut limiter = RateLimiter::new(sliding(1, Duration::ZERO), start);
    assert_eq!(try_take(&mut limiter, start, 1), Ok(()));
    assert_eq!(limiter.remaining(start + SECOND), 1);
}
