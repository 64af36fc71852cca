//! What a model name stands for, and how a target is chosen, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration::Time;
use crate::config::hedge::HedgeAfter;
use crate::config::size::{Ratio, Size};

/// What a model name stands for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    /// How a target is chosen. Default: failover.
    pub strategy: Strategy,
    /// Providers and models; at least one.
    pub targets: Vec<Target>,
    /// Tried in this order when no target can answer.
    pub fallback: Vec<Fallback>,
    /// Keep requests of one conversation on one target and credential, for the vendors' prompt caches. A conversation is what the header `x-llm-session`, the body's `prompt_cache_key` or `user` names, or the prompt's beginning. Default: false.
    pub sticky: bool,
    /// Ask a second target when the first one is slow to begin. Off unless given: both may be billed.
    pub hedge: Option<Hedge>,
    /// Send copies of requests to another target, whose answers are thrown away.
    pub mirror: Option<Mirror>,
    /// What serves when every target is down.
    pub degraded: Option<Degraded>,
    /// Keep answers to repeat them. Off unless given.
    pub cache: Option<RouteCache>,
}

/// failover takes the first target that can answer; weighted and round_robin share; least_latency, least_busy and cheapest measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    #[default]
    Failover,
    Weighted,
    RoundRobin,
    LeastLatency,
    LeastBusy,
    Cheapest,
}

/// A model of a provider.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Target {
    /// A name of `providers`.
    pub provider: Option<String>,
    /// The vendor's name of the model.
    pub model: Option<String>,
    /// Its share of the requests, with `strategy: weighted`. Default: 1.
    pub weight: Option<u32>,
}

/// A target for when others cannot answer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Fallback {
    /// A name of `providers`.
    pub provider: Option<String>,
    /// The vendor's name of the model.
    pub model: Option<String>,
    /// What it helps against. Default: error and rate_limit.
    pub on: Option<Vec<Cause>>,
}

/// error: the target failed, is unreachable or its breaker is open. rate_limit: it has no room. context_window: the prompt is too long for it. content_policy: it refuses the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Error,
    RateLimit,
    ContextWindow,
    ContentPolicy,
}

/// A second attempt beside a slow first one; the first content wins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hedge {
    /// How long to wait for the first content: a time, or p95 for the time in which 95 % of the target's answers of the last minutes began. Default: p95.
    pub after: Option<HedgeAfter>,
    /// The most hedged requests, as a part of all. Default: 5%.
    pub budget: Option<Ratio>,
}

/// Copies of requests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mirror {
    /// A name of `providers`.
    pub provider: Option<String>,
    /// The vendor's name of the model.
    pub model: Option<String>,
    /// The part of the requests that is copied. Default: 100%.
    pub sample: Option<Ratio>,
}

/// The last resort: a target, or a fixed answer.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Degraded {
    /// A name of `providers`.
    pub provider: Option<String>,
    /// The vendor's name of the model.
    pub model: Option<String>,
    /// The text to answer with, instead of a target.
    pub answer: Option<String>,
}

/// Which answers of a route are kept, and for how long.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteCache {
    /// How long an answer is good for. Default: 5m.
    pub ttl: Option<Time>,
    /// Keep answers to requests that are not deterministic (`temperature` other than 0), too. Default: false.
    pub any: bool,
}

/// The memory of kept answers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// The most bytes of answers that are kept. Default: 64MiB.
    pub max_bytes: Option<Size>,
    /// A larger answer is not kept. Default: 1MiB.
    pub max_entry: Option<Size>,
}
