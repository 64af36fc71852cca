use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(66);

const SETTINGS: BreakerSettings = BreakerSettings {
    consecutive_failures: 5,
    failure_ratio: 0.5,
    min_requests: 20,
    window: Duration::from_secs(30),
    open_min: Duration::from_secs(5),
    open_max: Duration::from_secs(60),
};

/// A breaker without jitter, its log of transitions, and the time.
struct Bench {
    breaker: Arc<Breaker>,
    log: Arc<Mutex<Vec<Transition>>>,
    now: Instant,
}

impl Bench {
    fn new(settings: BreakerSettings) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let now = Instant::now();
        let observe = {
            let log = Arc::clone(&log);
            move |transition| log.lock().push(transition)
        };
        Self { breaker: Arc::new(Breaker::with_jitter(settings, now, || 0.5, observe)), log, now }
    }

    /// Opened by failures in a row; `now` is the moment of the trip.
    fn tripped() -> Self {
        let bench = Self::new(SETTINGS);
        (0..5).for_each(|_| bench.ticket().failure(bench.now, None));
        assert_eq!(bench.state(), BreakerState::Open);
        bench
    }

    fn half_open() -> Self {
        let mut bench = Self::tripped();
        bench.pass(SECOND * 5);
        assert_eq!(bench.state(), BreakerState::HalfOpen);
        bench
    }

    fn ticket(&self) -> Ticket {
        self.breaker.admit(self.now, LEASE).expect("a request may pass")
    }

    fn refused(&self) -> Duration {
        self.breaker.admit(self.now, LEASE).expect_err("no request may pass").retry_after
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn state(&self) -> BreakerState {
        self.breaker.state(self.now)
    }

    /// The next probe fails; how long the breaker is open then.
    fn fail_probe(&mut self) -> Duration {
        self.ticket().failure(self.now, None);
        let open = self.refused();
        self.pass(open);
        open
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_or_a_neutral_outcome_between() {
    let bench = Bench::new(SETTINGS);
    let fail = || bench.ticket().failure(bench.now, None);
    (0..4).for_each(|_| fail());
    bench.ticket().success(bench.now);
    (0..4).for_each(|_| fail());
    assert_eq!(bench.state(), BreakerState::Closed, "a success ends the row");
    bench.ticket().neutral();
    bench.ticket().rate_limited(bench.now, Some(SECOND));
    drop(bench.ticket());
    fail();
    assert_eq!(bench.state(), BreakerState::Open, "a neutral outcome does not");
    assert_eq!(bench.refused(), SECOND * 5);
    let trip = Some((TripReason::Consecutive, SECOND * 5));
    assert_eq!(*bench.log.lock(), [Transition { from: BreakerState::Closed, to: BreakerState::Open, trip }]);
}

#[test]
fn exactly_the_ratio_of_enough_requests_opens_it() {
    let settings = BreakerSettings { failure_ratio: 0.55, consecutive_failures: 100, ..SETTINGS };
    let bench = Bench::new(settings);
    (0..9).for_each(|_| bench.ticket().success(bench.now));
    (0..10).for_each(|_| bench.ticket().failure(bench.now, None));
    assert_eq!(bench.state(), BreakerState::Closed, "19 requests are too few");
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.breaker.trips(TripReason::Ratio), 1, "11 of 20 is 55 %");
}

#[test]
fn the_window_forgets() {
    let settings = BreakerSettings { consecutive_failures: 100, ..SETTINGS };
    let mut bench = Bench::new(settings);
    (0..19).for_each(|_| bench.ticket().failure(bench.now, None));
    bench.pass(SECOND * 30);
    (0..19).for_each(|_| bench.ticket().failure(bench.now, None));
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.pass(SECOND * 26);
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.state(), BreakerState::Open);
}

#[test]
fn a_hundred_requests_that_fail_together_open_it_once() {
    let mut bench = Bench::new(SETTINGS);
    let mut tickets: Vec<_> = (0..100).map(|_| bench.ticket()).collect();
    for ticket in &mut tickets {
        ticket.failure(bench.now, None);
    }
    assert_eq!(bench.breaker.trips(TripReason::Consecutive), 1);
    assert_eq!(bench.refused(), SECOND * 5);
    bench.pass(SECOND * 5);
    bench.ticket().success(bench.now);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn results_from_before_the_trip_are_discarded() {
    let mut bench = Bench::new(SETTINGS);
    let mut late: Vec<_> = (0..20).map(|_| bench.ticket()).collect();
    (0..5).for_each(|_| bench.ticket().failure(bench.now, None));
    late.pop().unwrap().success(bench.now);
    late.pop().unwrap().content(bench.now);
    assert_eq!(bench.state(), BreakerState::Open, "a late success closes nothing");
    bench.pass(SECOND * 5);
    let mut probe = bench.ticket();
    late.pop().unwrap().failure(bench.now, None);
    late.pop().unwrap().rate_limited(bench.now, Some(SECOND * 100));
    drop(late.pop());
    assert_eq!(bench.state(), BreakerState::HalfOpen, "a late failure opens nothing");
    assert_eq!(bench.refused(), SECOND, "a late ticket does not free the probe's slot");
    probe.content(bench.now);
    late.iter_mut().for_each(|ticket| ticket.failure(bench.now, None));
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn one_probe_at_a_time_and_its_content_closes() {
    let bench = Bench::half_open();
    let mut probe = bench.ticket();
    assert_eq!(bench.refused(), SECOND);
    assert_eq!(bench.breaker.retry_after(bench.now), Some(SECOND));
    probe.content(bench.now);
    assert_eq!(bench.state(), BreakerState::Closed);
    assert_eq!(bench.breaker.retry_after(bench.now), None);
    probe.content(bench.now);
    // The stream breaks off later: a failure of the closed breaker.
    probe.failure(bench.now, None);
    (0..3).for_each(|_| bench.ticket().failure(bench.now, None));
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.breaker.trips(TripReason::Consecutive), 2);
}

#[test]
fn a_probe_that_says_nothing_frees_the_slot() {
    let bench = Bench::half_open();
    bench.ticket().neutral();
    drop(bench.ticket());
    let panicking = bench.ticket();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _held = panicking;
        resume_unwind(Box::new("lost"));
    }));
    assert!(caught.is_err());
    assert_eq!(bench.state(), BreakerState::HalfOpen);
    bench.ticket().success(bench.now);
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn the_open_time_doubles_up_to_its_maximum_and_calm_resets_it() {
    let mut bench = Bench::half_open();
    let opened: Vec<_> = (0..5).map(|_| bench.fail_probe().as_secs()).collect();
    assert_eq!(opened, [10, 20, 40, 60, 60]);
    bench.ticket().success(bench.now);
    bench.pass(SECOND * 59);
    (0..5).for_each(|_| bench.ticket().failure(bench.now, None));
    assert_eq!(bench.refused(), SECOND * 60, "59 s are not calm");
    bench.pass(SECOND * 60);
    bench.ticket().success(bench.now);
    bench.pass(SECOND * 60);
    (0..5).for_each(|_| bench.ticket().failure(bench.now, None));
    assert_eq!(bench.refused(), SECOND * 5);
}

#[test]
fn jitter_is_a_fifth_either_way() {
    for (jitter, expected) in [((|| 0.0) as fn() -> f64, 4000), (|| 1.0, 6000), (|| f64::NAN, 5000)] {
        let now = Instant::now();
        let breaker = Arc::new(Breaker::with_jitter(SETTINGS, now, jitter, |_| {}));
        (0..5).for_each(|_| breaker.admit(now, LEASE).unwrap().failure(now, None));
        assert_eq!(breaker.retry_after(now), Some(Duration::from_millis(expected)));
    }
}

#[test]
fn what_the_upstream_asks_for_is_the_least() {
    let asked = |asked: u64| {
        let bench = Bench::new(SETTINGS);
        (0..5).for_each(|_| bench.ticket().failure(bench.now, Some(SECOND * asked as u32)));
        bench.refused().as_secs()
    };
    assert_eq!((asked(0), asked(3), asked(30), asked(3600)), (5, 5, 30, 300));
}

#[test]
fn a_rate_limit_opens_a_half_open_breaker_only() {
    let mut bench = Bench::new(SETTINGS);
    (0..100).for_each(|_| bench.ticket().rate_limited(bench.now, Some(SECOND)));
    assert_eq!(bench.state(), BreakerState::Closed);
    (0..5).for_each(|_| bench.ticket().failure(bench.now, None));
    bench.pass(SECOND * 5);
    bench.ticket().rate_limited(bench.now, Some(SECOND * 42));
    assert_eq!(bench.refused(), SECOND * 42);
    assert_eq!(bench.breaker.trips(TripReason::ProbeRateLimited), 1);
}

#[test]
fn a_probe_held_for_ever_loses_its_lease() {
    let mut bench = Bench::half_open();
    let mut held = bench.ticket();
    bench.pass(LEASE - SECOND / 2);
    assert_eq!(bench.refused(), SECOND / 2);
    bench.pass(SECOND / 2);
    assert_eq!(bench.state(), BreakerState::Open);
    assert_eq!(bench.refused(), SECOND * 10);
    held.content(bench.now);
    held.success(bench.now);
    assert_eq!(bench.state(), BreakerState::Open, "too late");
    bench.pass(SECOND * 10);
    std::mem::forget(bench.ticket());
    // Nobody asks for an hour: lease and open time pass all the same.
    bench.pass(SECOND * 3600);
    bench.ticket().success(bench.now);
    assert_eq!(bench.state(), BreakerState::Closed);
    assert_eq!(bench.breaker.trips(TripReason::ProbeExpired), 2);
    let ends: Vec<_> = bench.log.lock().iter().map(|transition| transition.to).collect();
    use BreakerState::{Closed, HalfOpen, Open};
    assert_eq!(ends, [Open, HalfOpen, Open, HalfOpen, Open, HalfOpen, Closed]);
}

#[test]
fn a_late_clock_does_not_turn_time_back() {
    let mut bench = Bench::tripped();
    let trip = bench.now;
    bench.pass(SECOND * 5);
    assert_eq!(bench.state(), BreakerState::HalfOpen);
    let mut probe = bench.breaker.admit(trip, LEASE).expect("as of the latest time");
    probe.success(trip);
    assert_eq!(bench.breaker.state(trip), BreakerState::Closed);
}

#[test]
fn by_hand_it_opens_for_exactly_so_long_and_closes_at_once() {
    let mut bench = Bench::new(SETTINGS);
    let mut before = bench.ticket();
    bench.breaker.force_open(bench.now, SECOND * 100);
    bench.breaker.force_open(bench.now, SECOND * 1000);
    assert_eq!(bench.refused(), SECOND * 1000);
    before.success(bench.now);
    bench.pass(SECOND * 1000);
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.refused(), SECOND * 5, "what was forced does not count as a failed probe");
    bench.breaker.reset(bench.now);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.breaker.force_open(bench.now, Duration::MAX);
    bench.pass(SECOND * 1_000_000_000 / 10);
    assert_eq!(bench.state(), BreakerState::Open);
    let mut waiting = bench.breaker.admit(bench.now, LEASE);
    assert!(waiting.is_err());
    bench.breaker.reset(bench.now);
    waiting = bench.breaker.admit(bench.now, LEASE);
    (0..4).for_each(|_| bench.ticket().failure(bench.now, None));
    bench.breaker.reset(bench.now);
    waiting.unwrap().failure(bench.now, None);
    assert_eq!(bench.state(), BreakerState::Closed, "a reset forgets requests under way too");
    assert_eq!(bench.breaker.trips(TripReason::Forced), 3);
}

#[test]
fn changed_settings_keep_the_state() {
    let mut bench = Bench::new(SETTINGS);
    (0..4).for_each(|_| bench.ticket().failure(bench.now, None));
    bench.breaker.reconfigure(BreakerSettings { consecutive_failures: 6, window: SECOND * 60, ..SETTINGS });
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.state(), BreakerState::Closed);
    bench.ticket().failure(bench.now, None);
    assert_eq!(bench.state(), BreakerState::Open);
    bench.breaker.reconfigure(BreakerSettings { open_min: SECOND * 50, ..SETTINGS });
    assert_eq!(bench.refused(), SECOND * 5, "an open time runs to its end");
    bench.pass(SECOND * 5);
    assert_eq!(bench.fail_probe(), SECOND * 60);
}

#[test]
fn cancels_of_clients_leave_it_closed() {
    let bench = Bench::new(SETTINGS);
    for _ in 0..10_000 {
        let mut ticket = bench.ticket();
        ticket.content(bench.now);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
    assert!(bench.log.lock().is_empty());
}

#[test]
fn a_second_verdict_is_ignored() {
    let bench = Bench::new(SETTINGS);
    let mut ticket = bench.ticket();
    (0..10).for_each(|_| ticket.failure(bench.now, None));
    assert_eq!(bench.state(), BreakerState::Closed);
    assert_eq!(Arc::strong_count(&bench.breaker), 1, "a spent ticket holds nothing");
}

#[test]
fn threads_that_race_for_the_probe_get_one() {
    for _ in 0..50 {
        let bench = Bench::half_open();
        let probes: usize = std::thread::scope(|scope| {
            let race = || scope.spawn(|| bench.breaker.admit(bench.now, LEASE).ok());
            let runners: Vec<_> = (0..4).map(|_| race()).collect();
            let tickets: Vec<_> = runners.into_iter().filter_map(|runner| runner.join().unwrap()).collect();
            tickets.len()
        });
        assert_eq!(probes, 1);
    }
}
