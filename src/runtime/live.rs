//! State that outlives a configuration: limiters, breakers, retry budgets, tokens and measured times. It is kept by identity, so that
//! a reload neither refills a bucket nor closes a breaker, and a snapshot holds what it uses of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::settings;
use super::tokens::Tokens;
use crate::config;
use crate::limit::{self, Breaker, Keyed, Latency, Limiter, RetryBudget, Transition};
use crate::metrics::Metrics;

/// All live state of this process, shared by its workers.
pub struct Live {
    metrics: Arc<Metrics>,
    limiters: Keyed<String, Limiter>,
    budgets: Keyed<String, RetryBudget>,
    circuits: Keyed<String, Circuit>,
    parked: Keyed<String, NotBefore>,
    measures: Keyed<String, Measures>,
    tokens: Keyed<String, Tokens>,
    spending: Keyed<String, limit::Budget>,
}

/// What is known of one (provider, model, credential).
pub struct Circuit {
    pub breaker: Arc<Breaker>,
    /// The vendor has said when to come back to this model with this credential (429).
    pub cooling: NotBefore,
}

/// A time before which something is better left alone.
#[derive(Default)]
pub struct NotBefore(Mutex<Option<Instant>>);

/// What was measured of one (provider, model).
pub struct Measures {
    in_flight: AtomicUsize,
    first_token: Latency,
}

/// Counts a request under way until it is dropped.
pub struct InFlight(Arc<Measures>);

impl Live {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            limiters: Keyed::new(),
            budgets: Keyed::new(),
            circuits: Keyed::new(),
            parked: Keyed::new(),
            measures: Keyed::new(),
            tokens: Keyed::new(),
            spending: Keyed::new(),
        }
    }

    /// The limiter of this identity; `None` where nothing is limited.
    pub(super) fn limiter(&self, identity: String, limit: &config::Limit) -> Option<Arc<Limiter>> {
        let settings = settings::limiter(limit)?;
        Some(self.limiters.get_or_insert(identity, || Limiter::new(&settings, Instant::now())))
    }

    /// `few` in ten seconds are allowed whatever the ratio says.
    pub(super) fn budget(&self, identity: String, ratio: f64, few: u64) -> Arc<RetryBudget> {
        self.budgets.get_or_insert(identity, || RetryBudget::new(ratio, few, Instant::now()))
    }

    /// `provider`, `model` (as metrics may name it) and `credential` (counted from 1) say in the log and the metrics whose it is.
    pub(super) fn circuit(
        &self,
        identity: String,
        breaker: &config::Breaker,
        (provider, model, credential): (&str, &str, usize),
    ) -> Arc<Circuit> {
        let make = || {
            let (metrics, provider, model) = (Arc::clone(&self.metrics), provider.to_owned(), model.to_owned());
            let observe = move |transition: Transition| {
                let reason = transition.trip.map(|(reason, _)| reason.as_str());
                metrics.breaker_transition(&provider, &model, transition.to.as_str(), reason.unwrap_or("none"));
                let (from, to) = (transition.from.as_str(), transition.to.as_str());
                let open_ms = transition.trip.map(|(_, time)| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
                tracing::warn!(provider, model, credential, from, to, reason, open_ms, "a circuit breaker changed");
            };
            Circuit { breaker: Arc::new(Breaker::new(settings::breaker(breaker), Instant::now(), observe)), cooling: NotBefore::default() }
        };
        self.circuits.get_or_insert(identity, make)
    }

    pub(super) fn parked(&self, identity: String) -> Arc<NotBefore> {
        self.parked.get_or_insert(identity, NotBefore::default)
    }

    pub(super) fn tokens(&self, identity: String, make: impl FnOnce() -> Tokens) -> Arc<Tokens> {
        self.tokens.get_or_insert(identity, make)
    }

    /// The budget of this identity.
    pub(super) fn spending(&self, identity: String, settings: limit::BudgetSettings) -> Arc<limit::Budget> {
        self.spending.get_or_insert(identity, || limit::Budget::new(settings))
    }

    pub(super) fn measures(&self, identity: String) -> Arc<Measures> {
        self.measures.get_or_insert(identity, Measures::new)
    }
}

impl NotBefore {
    /// Moves the time to `until`, if that is later.
    pub fn extend(&self, until: Instant) {
        let mut at = self.0.lock();
        *at = Some(at.map_or(until, |at| at.max(until)));
    }

    pub fn clear(&self) {
        *self.0.lock() = None;
    }

    /// How long it still is; zero when the time has passed.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.0.lock().map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

impl Measures {
    fn new() -> Self {
        Self { in_flight: AtomicUsize::new(0), first_token: Latency::new(Instant::now()) }
    }

    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The first content of a stream came `after` its request.
    pub fn first_token(&self, now: Instant, after: Duration) {
        self.first_token.record(now, after);
    }

    /// For choosing between targets: the recent time to the first token times the requests under way, in seconds.
    pub fn cost(&self, now: Instant) -> f64 {
        self.first_token.cost(now, self.in_flight())
    }

    /// The time in which 95 % of the latest streams began; `None` while there were too few.
    pub fn p95(&self, now: Instant) -> Option<Duration> {
        self.first_token.p95(now)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
