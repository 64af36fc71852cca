//! One target's handles, resolved once.

use std::sync::OnceLock;
use std::time::Duration;

use dashmap::DashMap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::families::{Metrics, TraceLabel, Traced};
use super::labels::Labels;
use super::spending::Spending;
use crate::base::outcome::AttemptClass;

/// The handles of one (provider, model).
pub struct TargetMetrics {
    provider: String,
    model: String,
    by_status: DashMap<u16, Counter>,
    duration: Traced,
    /// A target that is never asked for a stream has no such series: they are a third of a target's part of the page.
    first_token: OnceLock<Traced>,
    /// As above.
    inter_token: OnceLock<Histogram>,
    prompt: Counter,
    completion: Counter,
    cached: Counter,
    cache_write: Counter,
    reasoning: Counter,
    attempts: [Counter; AttemptClass::ALL.len()],
    pub spending: Spending,
}

impl TargetMetrics {
    pub fn new(metrics: &Metrics, provider: &str, model: &str) -> Self {
        let tokens =
            |kind: &str| metrics.tokens.get_or_create_owned(&Labels::of([("provider", provider), ("model", model), ("type", kind)]));
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            by_status: DashMap::with_shard_amount(2),
            duration: metrics.duration.get_or_create_owned(&Labels::of([("provider", provider), ("model", model)])),
            first_token: OnceLock::new(),
            inter_token: OnceLock::new(),
            prompt: tokens("prompt"),
            completion: tokens("completion"),
            cached: tokens("cached"),
            cache_write: tokens("cache_write"),
            reasoning: tokens("reasoning"),
            spending: Spending::new(&metrics.money, provider, model),
            attempts: AttemptClass::ALL
                .map(|class| metrics.attempts.get_or_create_owned(&Labels::of([("provider", provider), ("class", class.as_str())]))),
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
        self.duration.observe(duration.as_secs_f64(), label(trace), None);
    }

    pub fn first_token(&self, metrics: &Metrics, after: Duration, trace: Option<&str>) {
        let series = self.first_token.get_or_init(|| metrics.first_token.get_or_create_owned(&self.labels()));
        series.observe(after.as_secs_f64(), label(trace), None);
    }

    pub fn inter_token(&self, metrics: &Metrics, mean: Duration) {
        self.inter_token.get_or_init(|| metrics.inter_token.get_or_create_owned(&self.labels())).observe(mean.as_secs_f64());
    }

    fn labels(&self) -> Labels {
        Labels::of([("provider", &self.provider), ("model", &self.model)])
    }

    /// Token counts in the sense of `chat::Usage`.
    pub fn tokens(&self, prompt: u64, completion: u64, cached: u64, cache_write: u64, reasoning: u64) {
        self.prompt.inc_by(prompt);
        self.completion.inc_by(completion);
        self.cached.inc_by(cached);
        self.cache_write.inc_by(cache_write);
        self.reasoning.inc_by(reasoning);
    }

    pub fn attempt(&self, class: AttemptClass) {
        let counted = AttemptClass::ALL.iter().zip(&self.attempts).find(|(known, _)| **known == class);
        if let Some((_, counter)) = counted {
            counter.inc();
        }
    }
}

fn label(trace: Option<&str>) -> Option<TraceLabel> {
    trace.map(|id| [("trace_id", id.to_owned())])
}
