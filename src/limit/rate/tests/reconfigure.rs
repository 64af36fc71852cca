use super::*;

fn settings(amount: u64, per: Duration, start: Instant) -> [RateSettings; 3] {
    [Algorithm::TokenBucket, Algorithm::SlidingWindow, Algorithm::FixedWindow { boundary: start }]
        .map(|algorithm| RateSettings { algorithm, ..RateSettings::new(amount, per) })
}

#[test]
fn the_same_settings_change_nothing() {
    let start = Instant::now();
    for settings in settings(600, MINUTE, start) {
        let mut still = RateLimiter::new(settings, start);
        let mut reloaded = still.clone();
        let mut now = start;
        for step in 0..1_000_u64 {
            now += Duration::from_millis(step % 97);
            let mut again = settings;
            if let Algorithm::FixedWindow { boundary } = &mut again.algorithm {
                // Computed again, it is never quite the same.
                *boundary += Duration::from_nanos(step);
            }
            if settings.algorithm == Algorithm::TokenBucket {
                again.burst = Some(600);
            }
            reloaded.reconfigure(now, again);
            let n = step % 23;
            assert_eq!(try_take(&mut reloaded, now, n), try_take(&mut still, now, n), "{settings:?} {step}");
            assert_eq!(reloaded.remaining(now), still.remaining(now));
            assert_eq!(reloaded.reset_after(now), still.reset_after(now));
        }
    }
}

#[test]
fn a_lower_limit_holds_at_once_and_a_higher_one_does_not_refill() {
    let start = Instant::now();
    let [bucket, sliding, fixed] = settings(100, MINUTE, start);
    for (before, lowered, raised) in [(bucket, 30, 30), (sliding, 0, 130), (fixed, 0, 130)] {
        let mut limiter = RateLimiter::new(before, start);
        limiter.take(start, 70);
        limiter.reconfigure(start, RateSettings { amount: 50, ..before });
        assert_eq!(limiter.remaining(start), lowered, "{before:?}");
        assert_eq!(limiter.capacity(), 50);
        limiter.reconfigure(start, RateSettings { amount: 200, ..before });
        assert_eq!(limiter.remaining(start), raised, "{before:?}");
        assert_eq!(limiter.settings().amount, 200);
    }
}

#[test]
fn a_balance_keeps_its_fraction_in_another_unit() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(60, MINUTE), start);
    limiter.take(start, 60);
    let later = start + Duration::from_millis(1_500);
    limiter.reconfigure(later, RateSettings::new(7, SECOND));
    assert_eq!(limiter.remaining(later), 1);
    // The half token grows to a whole one in a fourteenth of a second.
    assert_eq!(limiter.check(later, 2), Err(Wait::For(nanos(1_000_000_000_u128.div_ceil(14)))));
}

#[test]
fn a_debt_stays_a_debt() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(60, MINUTE), start);
    limiter.charge(start, 90);
    limiter.reconfigure(start, RateSettings::new(10, 10 * SECOND));
    // 30 owed, but no more than the capacity.
    assert_eq!(limiter.check(start, 1), Err(Wait::For(11 * SECOND)));
}

#[test]
fn another_algorithm_takes_over_what_is_left() {
    let start = Instant::now();
    for from in settings(100, MINUTE, start) {
        for to in settings(80, 2 * MINUTE, start) {
            for (used, left) in [(10, 80), (70, 30), (100, 0)] {
                let mut limiter = RateLimiter::new(from, start);
                limiter.take(start, used);
                let later = start + Duration::from_nanos(1);
                limiter.reconfigure(later, to);
                assert_eq!(limiter.remaining(later), left, "{from:?} to {to:?} with {used}");
            }
        }
    }
}

#[test]
fn what_another_counter_took_is_not_given_back_by_this_one() {
    let start = Instant::now();
    let [bucket, sliding, _] = settings(100, MINUTE, start);
    let mut limiter = RateLimiter::new(bucket, start);
    limiter.take(start, 50);
    let later = start + SECOND / 2;
    limiter.reconfigure(later, sliding);
    limiter.give_back(later, start, 50);
    assert_eq!(limiter.remaining(later), 50);
}

#[test]
fn a_refund_survives_a_reload() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(RateSettings::new(100, MINUTE), start);
    limiter.take(start, 50);
    limiter.reconfigure(start + SECOND, RateSettings::new(120, MINUTE));
    let left = limiter.remaining(start + SECOND);
    limiter.give_back(start + SECOND, start, 30);
    assert_eq!(limiter.remaining(start + SECOND), left + 30);
}
