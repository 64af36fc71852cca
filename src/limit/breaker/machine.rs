//! The breaker's state machine. Every call first brings the state up to its `now`; time never goes back, whatever order the
//! calls of several threads arrive in.

use std::time::Duration;

use tokio::time::Instant;

use super::{BreakerSettings, BreakerState, Open, Transition, TripReason};
use crate::limit::ring::Ring;

/// The longest `Retry-After` that is waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Closed for so long, it starts again with the shortest open time.
const CALM: Duration = Duration::from_secs(60);
/// The part of the open time that jitter adds or takes.
const JITTER: f64 = 0.2;
/// When to ask again while a probe is under way.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// What stands for ever: times that the clock cannot hold end here.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Told of every change of state.
pub(super) type Observe = Box<dyn Fn(Transition) + Send + Sync>;

/// What a ticket knows of its admission.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    generation: u64,
    pub(super) probe: bool,
}

pub(super) struct Machine {
    settings: BreakerSettings,
    jitter: fn() -> f64,
    observe: Observe,
    state: State,
    /// Counts the states entered. A result whose request was admitted in an earlier one is discarded.
    generation: u64,
    /// Open times since it was last calm.
    openings: u32,
    trips: [u64; TripReason::ALL.len()],
    /// The latest `now` there was.
    latest: Instant,
}

enum State {
    Closed {
        since: Instant,
        window: Ring<Counts, 10>,
        failures_in_row: u32,
    },
    Open {
        until: Instant,
    },
    /// The probe under way has its lease until then.
    HalfOpen {
        probe: Option<Instant>,
    },
}

#[derive(Clone, Copy, Default)]
struct Counts {
    requests: u32,
    failures: u32,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failures = self.failures.saturating_add(other.failures);
    }
}

impl Machine {
    pub(super) fn new(settings: BreakerSettings, now: Instant, jitter: fn() -> f64, observe: Observe) -> Self {
        Self {
            settings,
            jitter,
            observe,
            state: State::closed(&settings, now),
            generation: 0,
            openings: 0,
            trips: [0; TripReason::ALL.len()],
            latest: now,
        }
    }

    pub(super) fn admit(&mut self, now: Instant, lease: Duration) -> Result<Admitted, Open> {
        if let Some(retry_after) = self.retry_after(now) {
            return Err(Open { retry_after });
        }
        let ends = after(self.latest, lease);
        let probe = match &mut self.state {
            State::HalfOpen { probe } => {
                *probe = Some(ends);
                true
            }
            State::Closed { .. } | State::Open { .. } => false,
        };
        Ok(Admitted { generation: self.generation, probe })
    }

    /// What the ticket holds from here on.
    pub(super) fn content(&mut self, now: Instant, admitted: Admitted) -> Admitted {
        let now = self.advance(now);
        if admitted.generation != self.generation {
            return Admitted { probe: false, ..admitted };
        }
        if matches!(self.state, State::HalfOpen { .. }) {
            self.close(now);
        }
        Admitted { generation: self.generation, probe: false }
    }

    pub(super) fn success(&mut self, now: Instant, admitted: Admitted) {
        let admitted = self.content(now, admitted);
        if admitted.generation == self.generation {
            self.count(Counts { requests: 1, failures: 0 }, None);
        }
    }

    pub(super) fn failure(&mut self, now: Instant, admitted: Admitted, retry_after: Option<Duration>) {
        let now = self.advance(now);
        if admitted.generation != self.generation {
            return;
        }
        match self.state {
            State::HalfOpen { .. } => self.trip(now, TripReason::ProbeFailed, retry_after),
            State::Closed { .. } | State::Open { .. } => self.count(Counts { requests: 1, failures: 1 }, retry_after),
        }
    }

    pub(super) fn rate_limited(&mut self, now: Instant, admitted: Admitted, retry_after: Option<Duration>) {
        let now = self.advance(now);
        if admitted.generation == self.generation && matches!(self.state, State::HalfOpen { .. }) {
            self.trip(now, TripReason::ProbeRateLimited, retry_after);
        }
    }

    pub(super) fn neutral(&mut self, admitted: Admitted) {
        if let State::HalfOpen { probe } = &mut self.state
            && admitted.generation == self.generation
        {
            *probe = None;
        }
    }

    pub(super) fn state(&mut self, now: Instant) -> BreakerState {
        self.advance(now);
        self.state.name()
    }

    pub(super) fn retry_after(&mut self, now: Instant) -> Option<Duration> {
        let now = self.advance(now);
        match self.state {
            State::Closed { .. } | State::HalfOpen { probe: None } => None,
            State::Open { until } => Some(until - now),
            State::HalfOpen { probe: Some(until) } => Some((until - now).min(PROBE_WAIT)),
        }
    }

    pub(super) fn trips(&self, reason: TripReason) -> u64 {
        self.trips.get(reason as usize).copied().unwrap_or_default()
    }

    pub(super) fn force_open(&mut self, now: Instant, open_for: Duration) {
        let now = self.advance(now);
        self.calm(now);
        self.open(now, open_for, TripReason::Forced);
    }

    pub(super) fn reset(&mut self, now: Instant) {
        let now = self.advance(now);
        self.openings = 0;
        self.close(now);
    }

    pub(super) fn reconfigure(&mut self, settings: BreakerSettings) {
        self.settings = settings;
        if let State::Closed { window, .. } = &mut self.state {
            window.resize(settings.window);
        }
    }

    /// Brings the state up to `now`, which is given back, or the latest there was.
    fn advance(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        loop {
            match self.state {
                // From the moment it was over, not from the moment somebody looked.
                State::HalfOpen { probe: Some(until) } if until <= self.latest => self.trip(until, TripReason::ProbeExpired, None),
                State::Open { until } if until <= self.latest => self.enter(State::HalfOpen { probe: None }, None),
                State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. } => return self.latest,
            }
        }
    }

    fn count(&mut self, counts: Counts, retry_after: Option<Duration>) {
        let (now, settings) = (self.latest, self.settings);
        let State::Closed { window, failures_in_row, .. } = &mut self.state else { return };
        window.record(now, |bucket| *bucket += counts);
        let failed = counts.failures > 0;
        *failures_in_row = if failed { failures_in_row.saturating_add(1) } else { 0 };
        if failed && *failures_in_row >= settings.consecutive_failures {
            return self.trip(now, TripReason::Consecutive, retry_after);
        }
        let mut seen = Counts::default();
        window.buckets(now).iter().for_each(|bucket| seen += *bucket);
        // A quotient of whole numbers is the nearest double, as a ratio read from text is; a product would not be.
        let ratio = f64::from(seen.failures) / f64::from(seen.requests);
        if seen.requests >= settings.min_requests && ratio >= settings.failure_ratio {
            self.trip(now, TripReason::Ratio, retry_after);
        }
    }

    fn trip(&mut self, at: Instant, reason: TripReason, retry_after: Option<Duration>) {
        self.calm(at);
        let base = self.settings.open_min.saturating_mul(1 << self.openings.min(16)).min(self.settings.open_max);
        let factor = 1.0 + JITTER * (2.0 * (self.jitter)() - 1.0);
        let jittered = Duration::try_from_secs_f64(base.as_secs_f64() * factor).unwrap_or(base);
        let floor = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.openings = self.openings.saturating_add(1);
        self.open(at, jittered.max(floor), reason);
    }

    /// Before it opens: having been closed for long enough, it is a new story.
    fn calm(&mut self, now: Instant) {
        if let State::Closed { since, .. } = self.state
            && now.saturating_duration_since(since) >= CALM
        {
            self.openings = 0;
        }
    }

    fn open(&mut self, at: Instant, open_for: Duration, reason: TripReason) {
        if let Some(count) = self.trips.get_mut(reason as usize) {
            *count += 1;
        }
        self.enter(State::Open { until: after(at, open_for) }, Some((reason, open_for)));
    }

    fn close(&mut self, now: Instant) {
        self.enter(State::closed(&self.settings, now), None);
    }

    fn enter(&mut self, state: State, trip: Option<(TripReason, Duration)>) {
        let transition = Transition { from: self.state.name(), to: state.name(), trip };
        self.state = state;
        self.generation += 1;
        // A closed breaker that is reset has only forgotten.
        if transition.from != transition.to || trip.is_some() {
            (self.observe)(transition);
        }
    }
}

impl State {
    fn closed(settings: &BreakerSettings, now: Instant) -> Self {
        Self::Closed { since: now, window: Ring::new(settings.window, now), failures_in_row: 0 }
    }

    fn name(&self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or_else(|| now + FAR)
}
