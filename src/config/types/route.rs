//! What a model name stands for, and how a target is chosen.

use std::time::Duration;

use crate::config::hedge::HedgeAfter;

/// What an alias stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub strategy: Strategy,
    pub targets: Vec<Target>,
    /// Tried in order when no target can answer.
    pub fallback: Vec<Fallback>,
    /// One conversation stays on one target and credential.
    pub sticky: bool,
    pub hedge: Option<Hedge>,
    pub mirror: Option<Mirror>,
    pub degraded: Option<Degraded>,
    pub cache: Option<RouteCache>,
}

impl Route {
    /// Provider and model of every target that requests may reach by this route.
    pub fn all_targets(&self) -> impl Iterator<Item = (&str, &str)> {
        let degraded = self.degraded.iter().filter_map(|degraded| match degraded {
            Degraded::Target { provider, model } => Some((provider.as_str(), model.as_str())),
            Degraded::Answer(_) => None,
        });
        let targets = self.targets.iter().map(|t| (t.provider.as_str(), t.model.as_str()));
        let fallback = self.fallback.iter().map(|t| (t.provider.as_str(), t.model.as_str()));
        let mirror = self.mirror.iter().map(|t| (t.provider.as_str(), t.model.as_str()));
        targets.chain(fallback).chain(mirror).chain(degraded)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub provider: String,
    pub model: String,
    pub weight: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Failover,
    Weighted,
    RoundRobin,
    LeastLatency,
    LeastBusy,
    Cheapest,
}

/// A target for when others cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    pub provider: String,
    pub model: String,
    /// What it helps against.
    pub on: Vec<Cause>,
}

/// Why a target could not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It failed, is unreachable or its breaker is open.
    Error,
    /// It has no room.
    RateLimit,
    /// The prompt is too long for it.
    ContextWindow,
    /// It refuses the content.
    ContentPolicy,
}

/// A second attempt beside a slow first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    pub after: HedgeAfter,
    /// The most hedged requests, as a part of all, 0 to 1.
    pub budget: f64,
}

/// Copies of requests whose answers are thrown away.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    pub provider: String,
    pub model: String,
    /// The part of the requests that is copied, 0 to 1.
    pub sample: f64,
}

/// The last resort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Degraded {
    Target { provider: String, model: String },
    Answer(String),
}

/// Which answers are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteCache {
    pub ttl: Duration,
    /// Also those to requests that are not deterministic.
    pub any: bool,
}

/// The memory of kept answers, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cache {
    pub max_bytes: usize,
    /// A larger answer is not kept.
    pub max_entry: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_entry: 1 << 20 }
    }
}
