//! Gauges of limits and breakers, taken when somebody looks: what they show is the state of that moment, and a request costs
//! nothing for it.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::reload::unix_now;
use super::snapshot::Snapshot;
use crate::limit::Limiter;
use crate::metrics::{Labels, Metrics};

impl Snapshot {
    /// Sets the gauges to what is now.
    pub fn measure(&self, metrics: &Metrics, now: Instant) {
        for family in [&metrics.breaker_state, &metrics.concurrency_limit, &metrics.concurrency_in_flight, &metrics.queue_depth] {
            family.clear();
        }
        for client in self.clients() {
            if let Some(limiter) = &client.limiter {
                limits(metrics, limiter, "client", &client.name, "", now);
            }
        }
        let at = unix_now();
        metrics.money.budget_used.clear();
        for entry in self.budgets.all() {
            let view = entry.budget.view(at);
            let used = if view.amount == 0 { 1.0 } else { view.spent as f64 / view.amount as f64 };
            let labels = Labels::of([("budget", &entry.name)]);
            // From the start, so that a first refusal shows as one.
            metrics.money.budget_exceeded.get_or_create(&labels).inc_by(0);
            metrics.money.budget_used.get_or_create(&labels).set(used);
        }
        for entry in &self.providers {
            let name = &entry.provider.name;
            if let Some(limiter) = entry.limiter() {
                limits(metrics, limiter, "upstream", name, "", now);
            }
            for target in entry.used_targets() {
                if let [_, Some(limiter)] = target.limiters() {
                    limits(metrics, limiter, "upstream", name, target.label(), now);
                }
                for (index, circuit) in target.circuits().iter().enumerate() {
                    let labels = Labels::of([("provider", name), ("model", target.label()), ("credential", &(index + 1).to_string())]);
                    raise(&metrics.breaker_state, labels, circuit.breaker.state(now) as i64);
                }
            }
        }
    }
}

fn limits(metrics: &Metrics, limiter: &Limiter, scope: &str, name: &str, model: &str, now: Instant) {
    let labels = || Labels::of([("scope", scope), ("name", name), ("model", model)]);
    let view = limiter.view(now);
    if let Some(limit) = view.concurrency {
        raise(&metrics.concurrency_limit, labels(), i64::from(limit));
    }
    raise(&metrics.concurrency_in_flight, labels(), i64::from(view.in_flight));
    raise(&metrics.queue_depth, labels(), i64::try_from(view.queued).unwrap_or(i64::MAX));
}

/// Several models may share one label: the highest value stands.
fn raise(family: &Family<Labels, Gauge>, labels: Labels, value: i64) {
    let gauge = family.get_or_create(&labels);
    gauge.set(gauge.get().max(value));
}
