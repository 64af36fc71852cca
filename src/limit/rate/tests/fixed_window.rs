use super::*;

fn fixed(amount: u64, per: Duration, boundary: Instant) -> RateSettings {
    RateSettings { algorithm: Algorithm::FixedWindow { boundary }, ..RateSettings::new(amount, per) }
}

#[test]
fn windows_are_aligned_to_the_boundary() {
    let start = Instant::now();
    // The boundary lies before or after, in this window or another; it is the same grid.
    for boundary in [start + 20 * SECOND, start - 40 * SECOND, start + 80 * SECOND, start - 100 * SECOND] {
        let mut limiter = RateLimiter::new(fixed(10, MINUTE, boundary), start);
        assert_eq!(limiter.reset_after(start), Duration::ZERO);
        assert_eq!(try_take(&mut limiter, start, 10), Ok(()));
        assert_eq!(limiter.check(start, 1), Err(Wait::For(20 * SECOND)));
        assert_eq!(limiter.reset_after(start + 5 * SECOND), 15 * SECOND);
        assert_eq!(limiter.check(start, 11), Err(Wait::Never));
        let end = start + 20 * SECOND;
        assert_eq!(limiter.remaining(end - Duration::from_nanos(1)), 0);
        assert_eq!(limiter.remaining(end), 10);
        limiter.take(end, 4);
        assert_eq!(limiter.reset_after(end), MINUTE);
        assert_eq!(limiter.remaining(end + MINUTE - Duration::from_nanos(1)), 6);
        assert_eq!(limiter.remaining(end + 10 * MINUTE), 10);
    }
}

#[test]
fn a_boundary_at_this_very_moment_begins_a_window() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(fixed(1, MINUTE, start), start);
    limiter.take(start, 1);
    assert_eq!(limiter.reset_after(start), MINUTE);
}

#[test]
fn what_was_taken_in_another_window_is_not_given_back() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(fixed(10, MINUTE, start), start);
    limiter.take(start, 6);
    limiter.give_back(start + SECOND, start, 2);
    assert_eq!(limiter.remaining(start + SECOND), 6);
    let next = start + MINUTE;
    limiter.take(next, 5);
    limiter.give_back(next, start, 4);
    assert_eq!(limiter.remaining(next), 5);
}

#[test]
fn a_charge_may_go_beyond_and_ends_with_the_window() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(fixed(10, MINUTE, start), start);
    limiter.charge(start, 25);
    assert_eq!(limiter.remaining(start), 0);
    limiter.lower(start, 7);
    limiter.give_back(start, start, 20);
    assert_eq!(limiter.remaining(start), 5);
    limiter.lower(start, 3);
    assert_eq!(limiter.remaining(start), 3);
    assert_eq!(limiter.remaining(start + MINUTE), 10);
}

#[test]
fn an_earlier_now_counts_as_the_latest() {
    let start = Instant::now();
    let mut limiter = RateLimiter::new(fixed(10, MINUTE, start), start);
    limiter.take(start + MINUTE, 10);
    assert_eq!(limiter.remaining(start + MINUTE - SECOND), 0);
}
