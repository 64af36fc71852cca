//! One target's handles, resolved once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dashmap::DashMap;
use prometheus_client::metrics::counter::Counter;

use super::families::Metrics;
use super::histogram::Histogram;
use super::labels::Labels;
use super::spending::Spending;
use crate::base::outcome::AttemptClass;

/// The handles of one (provider, model).
pub struct TargetMetrics {
    provider: String,
    model: String,
    by_status: DashMap<u16, Counter>,
    duration: Arc<Histogram>,
    prompt: Counter,
    completion: Counter,
    // What follows begins with its first event. Were all of it there from the start, a page of many targets would be twice as long.
    first_token: OnceLock<Arc<Histogram>>,
    inter_token: OnceLock<Arc<Histogram>>,
    cached: OnceLock<Counter>,
    cache_write: OnceLock<Counter>,
    reasoning: OnceLock<Counter>,
    attempts: [OnceLock<Counter>; AttemptClass::ALL.len()],
    pub spending: Spending,
}

impl TargetMetrics {
    pub fn new(metrics: &Metrics, provider: &str, model: &str) -> Self {
        let tokens = |kind: &str| metrics.tokens.get_or_create_owned(&of_type(provider, model, kind));
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            by_status: DashMap::with_shard_amount(2),
            duration: metrics.duration.get_or_create(&Labels::of([("provider", provider), ("model", model)])),
            prompt: tokens("prompt"),
            completion: tokens("completion"),
            first_token: OnceLock::new(),
            inter_token: OnceLock::new(),
            cached: OnceLock::new(),
            cache_write: OnceLock::new(),
            reasoning: OnceLock::new(),
            attempts: [const { OnceLock::new() }; AttemptClass::ALL.len()],
            spending: Spending::new(&metrics.money, provider, model),
        }
    }

    /// A request that ended with `status` after `duration`; `trace` is its id in hexadecimal, where it is traced.
    pub fn request(&self, metrics: &Metrics, status: u16, duration: Duration, trace: Option<&str>) {
        if let Some(counter) = self.by_status.get(&status) {
            counter.inc();
        } else {
            let labels = Labels::of([("provider", &self.provider), ("model", &self.model), ("status", &status.to_string())]);
            let counter = metrics.requests.get_or_create_owned(&labels);
            counter.inc();
            self.by_status.insert(status, counter);
        }
        self.duration.observe(duration.as_secs_f64(), trace);
    }

    pub fn first_token(&self, metrics: &Metrics, after: Duration, trace: Option<&str>) {
        let series = self.first_token.get_or_init(|| metrics.first_token.get_or_create(&self.labels()));
        series.observe(after.as_secs_f64(), trace);
    }

    pub fn inter_token(&self, metrics: &Metrics, mean: Duration) {
        self.inter_token.get_or_init(|| metrics.inter_token.get_or_create(&self.labels())).observe(mean.as_secs_f64(), None);
    }

    fn labels(&self) -> Labels {
        Labels::of([("provider", &self.provider), ("model", &self.model)])
    }

    /// Token counts in the sense of `chat::Usage`.
    pub fn tokens(&self, metrics: &Metrics, prompt: u64, completion: u64, cached: u64, cache_write: u64, reasoning: u64) {
        self.prompt.inc_by(prompt);
        self.completion.inc_by(completion);
        for (series, kind, count) in
            [(&self.cached, "cached", cached), (&self.cache_write, "cache_write", cache_write), (&self.reasoning, "reasoning", reasoning)]
        {
            if count > 0 {
                let create = || metrics.tokens.get_or_create_owned(&of_type(&self.provider, &self.model, kind));
                series.get_or_init(create).inc_by(count);
            }
        }
    }

    pub fn attempt(&self, metrics: &Metrics, class: AttemptClass) {
        let create = || metrics.attempts.get_or_create_owned(&Labels::of([("provider", &self.provider), ("class", class.as_str())]));
        let counted = AttemptClass::ALL.iter().zip(&self.attempts).find(|(known, _)| **known == class);
        if let Some((_, counter)) = counted {
            counter.get_or_init(create).inc();
        }
    }
}

fn of_type(provider: &str, model: &str, kind: &str) -> Labels {
    Labels::of([("provider", provider), ("model", model), ("type", kind)])
}
