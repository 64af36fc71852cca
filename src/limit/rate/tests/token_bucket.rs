use super::*;

/// The whole history, from which the level is computed anew each time.
struct Reference {
    amount: u128,
    per: u128,
    burst: u128,
    /// Nanosecond and weight; an attempt's is set to what is left of it when some is given back.
    events: Vec<(u128, u128)>,
}

impl Reference {
    fn level(&self, now: u128) -> u128 {
        let (mut level, mut at) = (0, 0);
        for (time, weight) in &self.events {
            level = u128::saturating_sub(level, (time - at) * self.amount) + weight;
            at = *time;
        }
        level.saturating_sub((now - at) * self.amount)
    }

    fn fits(&self, now: u128, n: u128) -> bool {
        self.level(now) + n * self.per <= self.burst * self.per
    }

    fn charge(&mut self, now: u128, n: u128) {
        let room = 2 * self.burst * self.per - self.level(now);
        self.events.push((now, (n * self.per).min(room)));
    }

    fn remaining(&self, now: u128) -> u128 {
        (self.burst * self.per).saturating_sub(self.level(now)) / self.per
    }
}

/// Takes that have not been given back: the event's place, when, and how much.
type Taken = Vec<(usize, u128, u64)>;

/// Runs the steps against both. With `exact` every level is the same; else the limiter's is at least as high.
fn run(amount: u64, per: u64, burst: u64, steps: &[Step], exact: bool) {
    let start = Instant::now();
    let settings = RateSettings { burst: Some(burst), ..RateSettings::new(amount, Duration::from_nanos(per)) };
    let mut limiter = RateLimiter::new(settings, start);
    let mut reference = Reference { amount: amount.into(), per: per.into(), burst: burst.into(), events: Vec::new() };
    let mut taken: Taken = Vec::new();
    let mut at: u128 = 0;
    for step in steps {
        let now = start + nanos(at);
        match *step {
            Step::Advance(by) => at += u128::from(by),
            Step::Try(n) => {
                let answer = try_take(&mut limiter, now, n);
                if exact {
                    assert_eq!(answer.is_ok(), reference.fits(at, n.into()), "{n} at {at}");
                }
                match answer {
                    Ok(()) => {
                        assert!(reference.fits(at, n.into()), "{n} at {at}");
                        taken.push((reference.events.len(), at, n));
                        reference.charge(at, n.into());
                    }
                    Err(wait) => assert_wait_is_exact(&limiter, now, n, wait),
                }
            }
            Step::Charge(n) => {
                limiter.charge(now, n);
                reference.charge(at, n.into());
            }
            Step::GiveBack { which, n } => {
                if let Some(which) = which.checked_rem(taken.len()) {
                    let (event, taken_at, left) = &mut taken[which];
                    let n = n.min(*left);
                    *left -= n;
                    reference.events[*event].1 -= u128::from(n) * u128::from(per);
                    limiter.give_back(now, start + nanos(*taken_at), n);
                }
            }
            Step::Lower(remaining) => {
                let excess = limiter.remaining(now).saturating_sub(remaining);
                limiter.lower(now, remaining);
                reference.charge(at, excess.into());
                assert!(limiter.remaining(now) <= remaining);
            }
        }
        let now = start + nanos(at);
        let reset = nanos(reference.level(at).div_ceil(u128::from(amount)));
        if exact {
            assert_eq!(limiter.reset_after(now), reset, "{step:?} at {at}");
            assert_eq!(u128::from(limiter.remaining(now)), reference.remaining(at), "{step:?} at {at}");
        } else {
            assert!(limiter.reset_after(now) >= reset, "{step:?} at {at}");
        }
    }
    assert_bounded(&reference, &taken);
}

/// No interval holds more than burst + rate * time of what was taken and kept.
fn assert_bounded(reference: &Reference, taken: &Taken) {
    for (i, (_, from, _)) in taken.iter().enumerate() {
        let mut sum = 0;
        for (_, to, n) in &taken[i..] {
            sum += u128::from(*n);
            assert!(sum * reference.per <= reference.burst * reference.per + (to - from) * reference.amount);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_whole_history(
        (amount, per, burst, steps) in (1..50_u64, 1..2_000_u64, 0..60_u64)
            .prop_flat_map(|(amount, per, burst)| (Just(amount), Just(per), Just(burst), steps(burst, per, 0..60)))
    ) {
        run(amount, per, burst, &steps, true);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn never_errs_in_the_clients_favour(
        (amount, per, burst, steps) in (1..500_u64, 1..2_000_000_u64, 100..5_000_u64)
            .prop_flat_map(|(amount, per, burst)| (Just(amount), Just(per), Just(burst), steps(burst / 50, per / 50, 300..400)))
    ) {
        run(amount, per, burst, &steps, false);
    }
}

#[test]
fn a_bucket_bursts_and_refills() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(60, MINUTE), start);
    assert_eq!(limiter.capacity(), 60);
    for _ in 0..60 {
        assert_eq!(try_take(&mut limiter, start, 1), Ok(()));
    }
    assert_eq!(limiter.check(start, 1), Err(Wait::For(SECOND)));
    assert_eq!(limiter.check(start, 61), Err(Wait::Never));
    assert_eq!(limiter.reset_after(start), MINUTE);
    assert_eq!(limiter.remaining(start + 10 * SECOND), 10);
    assert_eq!(limiter.remaining(start + 2 * MINUTE), 60);
}

#[test]
fn a_debt_is_repaid_and_ends_at_the_capacity() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(100, MINUTE), start);
    limiter.take(start, 100);
    limiter.charge(start, 50);
    assert_eq!(limiter.remaining(start), 0);
    assert_eq!(limiter.check(start, 1), Err(Wait::For(MINUTE * 51 / 100)));
    limiter.charge(start, 1_000_000);
    assert_eq!(limiter.reset_after(start), 2 * MINUTE);
    assert_eq!(limiter.remaining(start + MINUTE + MINUTE / 2), 50);
}

#[test]
fn what_the_full_bucket_would_have_lost_is_not_given_back() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(10, 10 * SECOND), start);
    limiter.take(start, 10);
    // Without the take the bucket would have been full here.
    let later = start + 5 * SECOND;
    limiter.take(later, 3);
    limiter.give_back(later, start, 10);
    assert_eq!(limiter.remaining(later), 7);
}

#[test]
fn beyond_exact_history_little_is_lost_and_nothing_won() {
    let start = Instant::now();
    let capacity = 3_200_000;
    let mut limiter = RateLimiter::new(RateSettings::new(capacity, MINUTE), start);
    // A thousand requests, a millisecond apart: the level rises all the time.
    let taken: Vec<Instant> = (0..1_000).map(|request| start + Duration::from_millis(request)).collect();
    for at in &taken {
        assert_eq!(try_take(&mut limiter, *at, 2_000), Ok(()));
    }
    let now = start + SECOND;
    let before = limiter.remaining(now);
    for at in &taken {
        limiter.give_back(now, *at, 1_500);
    }
    let given = limiter.remaining(now) - before;
    assert!(given <= 1_500_000);
    assert!(given >= 1_500_000 - capacity / 16, "{given}");
}

#[test]
fn an_earlier_now_counts_as_the_latest() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(10, 10 * SECOND), start);
    limiter.take(start + 5 * SECOND, 10);
    assert!(limiter.check(start, 1).is_err());
    assert_eq!(limiter.remaining(start), 0);
    assert_eq!(limiter.remaining(start + 6 * SECOND), 1);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let start = Instant::now();
    for burst in [None, Some(u64::MAX)] {
        let settings = RateSettings { burst, ..RateSettings::new(u64::MAX, Duration::MAX) };
        let mut limiter = RateLimiter::new(settings, start);
        assert_eq!(try_take(&mut limiter, start, u64::MAX), Ok(()));
        limiter.charge(start, u64::MAX);
        limiter.charge(start, u64::MAX);
        assert!(limiter.check(start + MINUTE, u64::MAX).is_err());
        assert_eq!(limiter.remaining(start + MINUTE), 0);
        limiter.reconfigure(start, RateSettings::new(1, Duration::ZERO));
        assert!(limiter.check(start, 1).is_err());
        assert_eq!(limiter.remaining(start + 2 * MINUTE), 1);
    }
}

#[test]
fn an_amount_of_nothing_lets_nothing_through() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(0, SECOND), start);
    assert_eq!(limiter.check(start, 1), Err(Wait::Never));
    let mut limiter = RateLimiter::new(RateSettings { burst: Some(1), ..RateSettings::new(0, SECOND) }, start);
    assert_eq!(try_take(&mut limiter, start, 1), Ok(()));
    assert_eq!(limiter.check(start + MINUTE, 1), Err(Wait::Never));
    assert_eq!(limiter.reset_after(start), Duration::MAX);
}
