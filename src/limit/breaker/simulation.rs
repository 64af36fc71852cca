//! A million random steps of the breaker beside a reference model: what callers may do, in any order, with clocks that lag,
//! clients that go away, tickets that are never given back and settings that change.
//!
//! The model is written in another way than the machine: no generations, but the set of requests whose result still counts,
//! emptied whenever the state changes; no ring, but a log of every result. It knows the range an open time must be in and
//! takes the time itself from what the breaker reports.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;

use super::*;

const STEPS: u32 = 1_000_000;
const SEED: u64 = 13;
/// Tickets held at once; older ones get a verdict first.
const HELD: usize = 40;

#[test]
fn a_million_steps_agree_with_the_model() {
    // The breaker's own jitter is reproducible too.
    fastrand::seed(SEED);
    let mut simulation = Simulation::new(SEED);
    for step in 0..STEPS {
        simulation.step();
        simulation.check(step);
        if step % 1000 == 0 {
            simulation.recovers();
            simulation.check(step);
        }
    }
    // It has been everywhere, again and again.
    for reason in TripReason::ALL {
        let trips = simulation.breaker.trips(reason);
        assert!(trips > 100, "{reason:?} only {trips} times");
    }
    for (what, count) in [("late results", simulation.late), ("freed probes", simulation.freed), ("leaked probes", simulation.leaked)] {
        assert!(count > 100, "{what}: only {count}");
    }
}

struct Simulation {
    breaker: Arc<Breaker>,
    log: Log,
    model: Model,
    rng: Rng,
    now: Instant,
    held: Vec<(u64, Ticket)>,
    next_id: u64,
    /// Of a hundred requests, how many fail.
    sickness: u32,
    late: u32,
    freed: u32,
    leaked: u32,
}

type Log = Arc<Mutex<VecDeque<Transition>>>;

impl Simulation {
    fn new(seed: u64) -> Self {
        let log = Log::default();
        let now = Instant::now();
        let settings = BreakerSettings {
            consecutive_failures: 5,
            failure_ratio: 0.5,
            min_requests: 20,
            window: Duration::from_secs(30),
            open_min: Duration::from_secs(5),
            open_max: Duration::from_secs(60),
        };
        let observe = {
            let log = Arc::clone(&log);
            move |transition| log.lock().push_back(transition)
        };
        Self {
            breaker: Arc::new(Breaker::new(settings, now, observe)),
            model: Model::new(settings, now, Arc::clone(&log)),
            log,
            rng: Rng::with_seed(seed),
            now,
            held: Vec::new(),
            next_id: 0,
            sickness: 0,
            late: 0,
            freed: 0,
            leaked: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..6 => self.now += Duration::from_millis(self.rng.u64(0..30_000)),
            6..20 => self.now += Duration::from_millis(self.rng.u64(0..500)),
            20 => self.sickness = [0, 0, 10, 40, 60, 100][self.rng.usize(0..6)],
            _ => {}
        }
        // Another thread looked at the clock a little earlier.
        let lag = if self.rng.u32(0..10) == 0 { self.rng.u64(0..50) } else { 0 };
        let now = self.now - Duration::from_millis(lag);
        if self.held.len() >= HELD {
            return self.settle(now);
        }
        match self.rng.u32(0..10_000) {
            0..5 => {
                let open_for = Duration::from_millis(self.rng.u64(0..100_000));
                self.breaker.force_open(now, open_for);
                self.model.force_open(now, open_for);
            }
            5..10 => {
                self.breaker.reset(now);
                self.model.reset(now);
            }
            10..20 => {
                let settings = self.settings();
                self.breaker.reconfigure(settings);
                self.model.reconfigure(settings);
            }
            20..5_500 => self.admit(now),
            _ => self.settle(now),
        }
    }

    fn settings(&mut self) -> BreakerSettings {
        let seconds = Duration::from_secs;
        BreakerSettings {
            consecutive_failures: self.rng.u32(3..9),
            failure_ratio: [0.3, 0.5, 0.55, 1.0][self.rng.usize(0..4)],
            min_requests: self.rng.u32(1..30),
            window: seconds(self.rng.u64(1..60)),
            open_min: seconds(self.rng.u64(1..8)),
            open_max: seconds(self.rng.u64(5..80)),
        }
    }

    fn admit(&mut self, now: Instant) {
        let lease = Duration::from_millis(self.rng.u64(1..90_000));
        self.next_id += 1;
        match self.breaker.admit(now, lease) {
            Ok(ticket) => {
                self.model.admitted(self.next_id, now, lease);
                self.held.push((self.next_id, ticket));
            }
            Err(Open { retry_after }) => {
                assert!(!retry_after.is_zero());
                self.model.refused(now, retry_after);
            }
        }
    }

    /// Something becomes of one of the requests under way.
    fn settle(&mut self, now: Instant) {
        if self.held.is_empty() {
            return;
        }
        let (id, mut ticket) = self.held.swap_remove(self.rng.usize(0..self.held.len()));
        let probe = self.model.is_probe(id);
        self.late += u32::from(!self.model.counts(id));
        let retry_after = (self.rng.u32(0..8) == 0).then(|| Duration::from_secs(self.rng.u64(0..400)));
        let failed = self.rng.u32(0..100) < self.sickness;
        match self.rng.u32(0..1000) {
            0..850 if failed => {
                ticket.failure(now, retry_after);
                self.model.result(id, now, true, retry_after);
            }
            0..600 => {
                ticket.success(now);
                self.model.result(id, now, false, None);
            }
            600..850 => {
                ticket.content(now);
                // Where there is nothing to close, the breaker has not been asked.
                self.breaker.state(now);
                self.model.content(id, now);
                // It goes on: the end comes later, or never.
                self.held.push((id, ticket));
                return;
            }
            850..880 => {
                ticket.rate_limited(now, retry_after);
                self.model.rate_limited(id, now, retry_after);
            }
            880..920 => {
                ticket.neutral();
                self.model.neutral(id);
                self.freed += u32::from(probe);
            }
            920..960 => {
                drop(ticket);
                self.model.neutral(id);
                self.freed += u32::from(probe);
                return;
            }
            960..970 => {
                let panicked = catch_unwind(AssertUnwindSafe(|| {
                    let _held = ticket;
                    resume_unwind(Box::new("lost"));
                }));
                assert!(panicked.is_err());
                self.model.neutral(id);
                return;
            }
            _ => {
                std::mem::forget(ticket);
                self.leaked += u32::from(probe);
                return;
            }
        }
        // A second verdict changes nothing.
        ticket.failure(now, None);
        ticket.success(now);
        ticket.content(now);
    }

    fn check(&mut self, step: u32) {
        let state = self.breaker.state(self.now);
        self.model.advance(self.now);
        assert_eq!(state, self.model.state, "step {step}");
        assert_eq!(self.breaker.retry_after(self.now), self.model.retry_after(), "step {step}");
        assert!(self.log.lock().is_empty(), "step {step}: a transition the model does not know: {:?}", self.log.lock());
        if step.is_multiple_of(100) {
            for reason in TripReason::ALL {
                assert_eq!(self.breaker.trips(reason), self.model.trips[reason as usize], "step {step}: {reason:?}");
            }
        }
    }

    /// Whatever has happened: once the upstream is healthy, the breaker is closed after the probe's lease and the open time.
    fn recovers(&mut self) {
        let lease = self.model.probe.map_or(Duration::ZERO, |(_, ends)| ends - self.now);
        let open = match self.model.state {
            BreakerState::Closed => Duration::ZERO,
            BreakerState::Open => self.model.until - self.now,
            BreakerState::HalfOpen if self.model.probe.is_none() => Duration::ZERO,
            BreakerState::HalfOpen => self.model.open_time().mul_f64(1.2),
        };
        self.now += lease + open;
        let mut ticket = self.breaker.admit(self.now, Duration::from_secs(1)).expect("it lets a request pass again");
        ticket.content(self.now);
        assert_eq!(self.breaker.state(self.now), BreakerState::Closed);
        self.next_id += 1;
        self.model.admitted(self.next_id, self.now, Duration::from_secs(1));
        self.model.content(self.next_id, self.now);
        ticket.success(self.now);
        self.model.result(self.next_id, self.now, false, None);
    }
}

struct Model {
    settings: BreakerSettings,
    state: BreakerState,
    /// Open until then.
    until: Instant,
    /// The probe under way and the end of its lease.
    probe: Option<(u64, Instant)>,
    /// Requests whose result counts.
    counting: Vec<u64>,
    /// Since it was last closed: the tick of each result and whether it was a failure.
    results: VecDeque<(i64, bool)>,
    /// Ticks are tenths of the window, counted from here.
    origin: Instant,
    last_tick: i64,
    closed_since: Instant,
    row: u32,
    openings: u32,
    trips: [u64; 6],
    latest: Instant,
    log: Log,
}

impl Model {
    fn new(settings: BreakerSettings, now: Instant, log: Log) -> Self {
        Self {
            settings,
            state: BreakerState::Closed,
            until: now,
            probe: None,
            counting: Vec::new(),
            results: VecDeque::new(),
            origin: now,
            last_tick: 0,
            closed_since: now,
            row: 0,
            openings: 0,
            trips: [0; 6],
            latest: now,
            log,
        }
    }

    fn advance(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        if let Some((_, ends)) = self.probe.filter(|(_, ends)| *ends <= self.latest) {
            self.trip(ends, TripReason::ProbeExpired, None);
        }
        if self.state == BreakerState::Open && self.until <= self.latest {
            assert_eq!(self.reported(BreakerState::HalfOpen), None);
        }
    }

    fn admitted(&mut self, id: u64, now: Instant, lease: Duration) {
        self.advance(now);
        match self.state {
            BreakerState::Closed => {}
            BreakerState::HalfOpen => {
                assert!(self.probe.is_none(), "two probes at once");
                self.probe = Some((id, self.latest + lease));
            }
            BreakerState::Open => panic!("it let a request pass while open"),
        }
        self.counting.push(id);
    }

    fn refused(&mut self, now: Instant, told: Duration) {
        self.advance(now);
        assert_eq!(self.retry_after(), Some(told));
    }

    fn retry_after(&self) -> Option<Duration> {
        match self.state {
            BreakerState::Closed => None,
            BreakerState::Open => Some(self.until - self.latest),
            BreakerState::HalfOpen => self.probe.map(|(_, ends)| (ends - self.latest).min(Duration::from_secs(1))),
        }
    }

    fn counts(&self, id: u64) -> bool {
        self.counting.contains(&id)
    }

    fn is_probe(&self, id: u64) -> bool {
        self.probe.is_some_and(|(probe, _)| probe == id)
    }

    fn content(&mut self, id: u64, now: Instant) {
        self.advance(now);
        if self.is_probe(id) {
            self.close();
            self.counting.push(id);
        }
    }

    fn result(&mut self, id: u64, now: Instant, failed: bool, retry_after: Option<Duration>) {
        self.advance(now);
        if failed && self.is_probe(id) {
            return self.trip(self.latest, TripReason::ProbeFailed, retry_after);
        }
        self.content(id, now);
        let counts = self.counts(id);
        self.counting.retain(|other| *other != id);
        if !counts {
            return;
        }
        let tick = self.tick();
        self.last_tick = tick;
        self.results.retain(|(of, _)| of + 10 > tick);
        self.results.push_back((tick, failed));
        self.row = if failed { self.row + 1 } else { 0 };
        let failures = self.results.iter().filter(|(_, failed)| *failed).count();
        let ratio = failures as f64 / self.results.len() as f64;
        if failed && self.row >= self.settings.consecutive_failures {
            self.trip(self.latest, TripReason::Consecutive, retry_after);
        } else if self.results.len() >= self.settings.min_requests as usize && ratio >= self.settings.failure_ratio {
            self.trip(self.latest, TripReason::Ratio, retry_after);
        }
    }

    fn rate_limited(&mut self, id: u64, now: Instant, retry_after: Option<Duration>) {
        self.advance(now);
        if self.is_probe(id) {
            self.trip(self.latest, TripReason::ProbeRateLimited, retry_after);
        }
        self.neutral(id);
    }

    fn neutral(&mut self, id: u64) {
        self.counting.retain(|other| *other != id);
        if self.is_probe(id) {
            self.probe = None;
        }
    }

    fn force_open(&mut self, now: Instant, open_for: Duration) {
        self.advance(now);
        self.calm(self.latest);
        let from = self.latest;
        assert_eq!(self.reported(BreakerState::Open), Some((TripReason::Forced, open_for)));
        self.trips[TripReason::Forced as usize] += 1;
        self.until = from + open_for;
    }

    fn reset(&mut self, now: Instant) {
        self.advance(now);
        self.openings = 0;
        self.close();
    }

    fn reconfigure(&mut self, settings: BreakerSettings) {
        let (old, new) = (self.settings.window / 10, settings.window / 10);
        self.settings = settings;
        if self.state == BreakerState::Closed && old != new {
            let nanos = |span: Duration| span.as_nanos() as i64;
            for (tick, _) in &mut self.results {
                *tick = -((self.last_tick - *tick) * nanos(old) / nanos(new));
            }
            self.results.retain(|(tick, _)| tick + 10 > 0);
            self.origin += old * self.last_tick as u32;
            self.last_tick = 0;
        }
    }

    fn tick(&self) -> i64 {
        let span = self.settings.window / 10;
        ((self.latest - self.origin).as_nanos() / span.as_nanos()) as i64
    }

    /// The next open time without jitter.
    fn open_time(&self) -> Duration {
        (0..self.openings).fold(self.settings.open_min, |time, _| (time * 2).min(self.settings.open_max)).min(self.settings.open_max)
    }

    fn trip(&mut self, at: Instant, reason: TripReason, retry_after: Option<Duration>) {
        self.calm(at);
        let base = self.open_time();
        let floor = retry_after.unwrap_or_default().min(Duration::from_secs(300));
        let (told, open_for) = self.reported(BreakerState::Open).expect("it is told why");
        assert_eq!(told, reason);
        let tolerance = Duration::from_micros(1);
        assert!(open_for + tolerance >= base.mul_f64(0.8).max(floor), "{open_for:?} is too short after {base:?}, {floor:?}");
        assert!(open_for <= base.mul_f64(1.2).max(floor) + tolerance, "{open_for:?} is too long after {base:?}, {floor:?}");
        self.trips[reason as usize] += 1;
        self.openings += 1;
        self.until = at + open_for;
    }

    fn calm(&mut self, at: Instant) {
        if self.state == BreakerState::Closed && at - self.closed_since >= Duration::from_secs(60) {
            self.openings = 0;
        }
    }

    fn close(&mut self) {
        if self.state == BreakerState::Closed {
            self.counting.clear();
        } else {
            assert_eq!(self.reported(BreakerState::Closed), None);
        }
        self.closed_since = self.latest;
        self.origin = self.latest;
        self.last_tick = 0;
        self.results.clear();
        self.row = 0;
    }

    /// The breaker must have reported a change from the model's state to `to`. No request from before it counts any more.
    fn reported(&mut self, to: BreakerState) -> Option<(TripReason, Duration)> {
        let transition = self.log.lock().pop_front().unwrap_or_else(|| panic!("{:?} to {to:?} is not reported", self.state));
        assert_eq!((transition.from, transition.to), (self.state, to));
        self.state = to;
        self.probe = None;
        self.counting.clear();
        transition.trip
    }
}
