//! Costs, budgets and records of use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::{Atomic, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::histogram::HistogramFamily;
use super::labels::Labels;

/// Units of a currency, from a short question to a long agent's turn; an alert looks at 1.
pub const CALL_BUCKETS: [f64; 10] = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0];

/// Billionths of a currency's unit, which are counted in integers and shown in units.
#[derive(Debug, Default)]
pub struct Nano(AtomicU64);

/// Counts money.
pub type MoneyCounter = Counter<f64, Nano>;

impl Nano {
    pub fn add(&self, nano: u64) {
        self.0.fetch_add(nano, Ordering::Relaxed);
    }
}

impl Atomic<f64> for Nano {
    fn inc(&self) -> f64 {
        self.inc_by(1.0)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int `as` saturates")]
    fn inc_by(&self, units: f64) -> f64 {
        self.0.fetch_add((units * 1e9).round() as u64, Ordering::Relaxed) as f64 / 1e9
    }

    fn get(&self) -> f64 {
        self.0.load(Ordering::Relaxed) as f64 / 1e9
    }
}

/// The families; clones share them.
#[derive(Clone)]
pub struct MoneyMetrics {
    /// What attempts cost, in the currency of their price.
    pub cost: Family<Labels, MoneyCounter>,
    /// The same in the currency that is reported in.
    pub reported: Family<Labels, MoneyCounter>,
    /// What single attempts cost, in the currency of their price.
    pub call: Arc<HistogramFamily>,
    pub unknown: Family<Labels, Counter>,
    /// Tokens as the sidecar estimates them and as the vendor counts them, of the same answers.
    pub compared: Family<Labels, Counter>,
    pub records: Family<Labels, Counter>,
    pub lost: Family<Labels, Counter>,
    pub budget_used: Family<Labels, Gauge<f64, AtomicU64>>,
    pub budget_exceeded: Family<Labels, Counter>,
}

impl MoneyMetrics {
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            cost: Family::default(),
            reported: Family::default(),
            call: Arc::new(HistogramFamily::new(
                "llm_call_cost",
                None,
                "What single attempts at upstreams cost, in units of the price's currency",
                &CALL_BUCKETS,
            )),
            unknown: Family::default(),
            compared: Family::default(),
            records: Family::default(),
            lost: Family::default(),
            budget_used: Family::default(),
            budget_exceeded: Family::default(),
        };
        registry.register("llm_cost", "What attempts at upstreams cost, in units of the price's currency", metrics.cost.clone());
        registry.register("llm_cost_reported", "The same in units of the currency that is reported in", metrics.reported.clone());
        registry.register(
            "llm_cost_unknown",
            "Attempts that may be billed, of which it is not known at what cost",
            metrics.unknown.clone(),
        );
        registry.register(
            "llm_tokens_compared",
            "Tokens of the same answers by the sidecar's own estimate and by the vendor's count",
            metrics.compared.clone(),
        );
        registry.register("llm_usage_records", "Records of use taken, by sink", metrics.records.clone());
        registry.register("llm_usage_records_lost", "Records of use that a sink had no room for or could not write", metrics.lost.clone());
        registry.register(
            "llm_budget_used_ratio",
            "What is spent of a budget in its present period, 1 being all",
            metrics.budget_used.clone(),
        );
        registry.register("llm_budget_exceeded", "Attempts that were not made for want of budget", metrics.budget_exceeded.clone());
        metrics
    }

    /// The series that counts what a sink takes.
    pub fn recorded(&self, sink: &str) -> Counter {
        self.records.get_or_create(&Labels::of([("sink", sink)])).clone()
    }

    pub fn lost(&self, sink: &str, count: u64) {
        self.lost.get_or_create(&Labels::of([("sink", sink)])).inc_by(count);
    }

    pub fn exceeded(&self, budget: &str) {
        self.budget_exceeded.get_or_create(&Labels::of([("budget", budget)])).inc();
    }
}
