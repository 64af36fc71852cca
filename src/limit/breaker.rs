//! A circuit breaker for one upstream, that is one (provider, base URL, model, credential). It fails fast while the upstream
//! is broken, tries it with one request at a time, and always finds its way back.
//!
//! | state | a request | leaves when |
//! |---|---|---|
//! | closed | passes | failures in a row, or the failed part of a sliding window, reach the limit |
//! | open | is refused | the open time is over |
//! | half-open | passes if it is the only one: the probe | the probe has content (closed), fails or overstays its lease (open) |
//!
//! Each failed probe doubles the open time, with jitter, so that the replicas of a fleet do not probe in step. What an upstream
//! asks for by `Retry-After` is waited for at the least. A result counts only in the state its request was admitted in, which
//! a generation number tells: a hundred requests that fail together open the breaker once.
//!
//! The states are those of M. Nygard's *Release It!*; the ring of buckets and the consecutive failures are as in resilience4j
//! and Envoy's outlier detection.

mod machine;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod ticket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use machine::Machine;
pub use ticket::Ticket;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Failures in a row that open it, at least 1.
    pub consecutive_failures: u32,
    /// The failed part of the requests in `window` that opens it: more than 0, at most 1.
    pub failure_ratio: f64,
    /// Requests in `window` before `failure_ratio` counts.
    pub min_requests: u32,
    /// How far back it looks, in ten steps.
    pub window: Duration,
    /// The first open time. Every further one is twice as long.
    pub open_min: Duration,
    /// The longest open time, before jitter.
    pub open_max: Duration,
}

/// The discriminants are the values of the state's gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    Closed = 0,
    HalfOpen = 1,
    Open = 2,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// Why the breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TripReason {
    /// Too many failures in a row.
    Consecutive,
    /// Too large a part of the window failed.
    Ratio,
    ProbeFailed,
    /// The probe's lease ran out without a verdict.
    ProbeExpired,
    ProbeRateLimited,
    /// By hand.
    Forced,
}

impl TripReason {
    pub const ALL: [Self; 6] =
        [Self::Consecutive, Self::Ratio, Self::ProbeFailed, Self::ProbeExpired, Self::ProbeRateLimited, Self::Forced];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consecutive => "consecutive",
            Self::Ratio => "ratio",
            Self::ProbeFailed => "probe_failed",
            Self::ProbeExpired => "probe_expired",
            Self::ProbeRateLimited => "probe_rate_limited",
            Self::Forced => "forced",
        }
    }
}

/// A change of state. Opening an open breaker by hand is one too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    pub from: BreakerState,
    pub to: BreakerState,
    /// Why and for how long, where `to` is open.
    pub trip: Option<(TripReason, Duration)>,
}

/// The breaker refuses the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the breaker is open for another {retry_after:?}")]
pub struct Open {
    /// When a request may pass again; a guess while a probe is under way.
    pub retry_after: Duration,
}

/// The shared breaker. Nothing is held across an await, and nothing here needs a timer: the state is brought up to `now` by
/// whoever asks.
pub struct Breaker {
    machine: Mutex<Machine>,
}

impl Breaker {
    /// A closed breaker. `observe` is told of every change of state, in order and exactly once, on the thread that caused or
    /// first noticed it. The breaker is locked meanwhile: `observe` must be quick and must not call back.
    pub fn new(settings: BreakerSettings, now: Instant, observe: impl Fn(Transition) + Send + Sync + 'static) -> Self {
        Self::with_jitter(settings, now, fastrand::f64, observe)
    }

    /// As [`new`](Self::new), with a source of numbers from 0 to 1 for the jitter. Always 0.5 means none.
    pub fn with_jitter(
        settings: BreakerSettings,
        now: Instant,
        jitter: fn() -> f64,
        observe: impl Fn(Transition) + Send + Sync + 'static,
    ) -> Self {
        Self { machine: Mutex::new(Machine::new(settings, now, jitter, Box::new(observe))) }
    }

    /// Lets a request pass, or says when to come back. `lease` is how long the request may go without content if it becomes
    /// the probe; the connect and first-token timeouts and a second are right.
    pub fn admit(self: &Arc<Self>, now: Instant, lease: Duration) -> Result<Ticket, Open> {
        let admitted = self.machine.lock().admit(now, lease)?;
        Ok(Ticket::new(Arc::clone(self), admitted))
    }

    pub fn state(&self, now: Instant) -> BreakerState {
        self.machine.lock().state(now)
    }

    /// How long until a request may pass; `None` when it may now.
    pub fn retry_after(&self, now: Instant) -> Option<Duration> {
        self.machine.lock().retry_after(now)
    }

    /// How often it has opened for `reason`.
    pub fn trips(&self, reason: TripReason) -> u64 {
        self.machine.lock().trips(reason)
    }

    /// Opens it by hand, for exactly so long; then it probes as usual.
    pub fn force_open(&self, now: Instant, open_for: Duration) {
        self.machine.lock().force_open(now, open_for);
    }

    /// Closes it by hand and forgets all it has seen, requests under way included.
    pub fn reset(&self, now: Instant) {
        self.machine.lock().reset(now);
    }

    /// Takes over changed settings. State, counts and a running open time stay.
    pub fn reconfigure(&self, settings: BreakerSettings) {
        self.machine.lock().reconfigure(settings);
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").finish_non_exhaustive()
    }
}
