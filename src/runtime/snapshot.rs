//! One generation of the configuration, ready to serve.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::clients::{ClientEntry, Clients};
use super::learnt::Learnt;
use super::provider::Provider;
use crate::config::{self, Config, Strategy};
use crate::metrics::{Metrics, OTHER, TargetMetrics};
use crate::upstream::Origins;

/// Everything a request needs to know, immutable.
pub struct Snapshot {
    pub config: Config,
    /// In the order of their names.
    pub providers: Vec<Arc<ProviderEntry>>,
    by_name: HashMap<String, Arc<ProviderEntry>>,
    routes: HashMap<String, Route>,
    clients: Clients,
    metrics: Arc<Metrics>,
}

/// A provider and what is kept beside it.
pub struct ProviderEntry {
    pub provider: Arc<Provider>,
    pub learnt: Arc<Learnt>,
    /// The metrics of the models named in the file, and of all others.
    labelled: HashMap<String, Arc<LazyMetrics>>,
    other: Arc<LazyMetrics>,
}

/// Handles resolved at the first use: most of a large configuration's targets are never used by one process.
struct LazyMetrics {
    provider: String,
    model: String,
    handles: OnceLock<TargetMetrics>,
}

struct Route {
    strategy: Strategy,
    targets: Vec<(Target, u32)>,
    fallback: Vec<Target>,
    turn: AtomicUsize,
}

/// A provider and the model to ask it for.
#[derive(Clone)]
pub struct Target {
    pub provider: Arc<Provider>,
    pub model: Arc<str>,
    handles: Arc<LazyMetrics>,
}

impl Target {
    pub fn metrics(&self, metrics: &Metrics) -> &TargetMetrics {
        let lazy = &self.handles;
        lazy.handles.get_or_init(|| TargetMetrics::new(metrics, &lazy.provider, &lazy.model))
    }
}

/// What a model name stands for: targets in the order they are to be tried.
pub struct Resolved {
    pub targets: Vec<Target>,
}

impl Snapshot {
    /// Builds a generation. Origins and learnt lists of `previous` live on where the upstream is the same.
    pub fn build(config: Config, origins: &Origins, metrics: &Arc<Metrics>, previous: Option<&Self>) -> Result<Self, String> {
        let mut by_name = HashMap::with_capacity(config.providers.len());
        let mut providers = Vec::with_capacity(config.providers.len());
        for (name, source) in &config.providers {
            let provider = Arc::new(Provider::new(source, origins).map_err(|e| format!("providers.{name}: {e}"))?);
            let learnt = previous
                .and_then(|p| p.by_name.get(name))
                .filter(|entry| entry.provider.same_upstream(&provider))
                .map_or_else(Arc::default, |entry| Arc::clone(&entry.learnt));
            let lazy = |model: &str| Arc::new(LazyMetrics { provider: name.clone(), model: model.to_owned(), handles: OnceLock::new() });
            let mut labelled: HashMap<_, _> = provider.models().unwrap_or_default().iter().map(|m| (m.clone(), lazy(m))).collect();
            for (_, model) in config.models.values().flat_map(config::Route::all_targets).filter(|(provider, _)| provider == name) {
                labelled.entry(model.to_owned()).or_insert_with(|| lazy(model));
            }
            let entry = Arc::new(ProviderEntry { other: lazy(OTHER), labelled, provider, learnt });
            providers.push(Arc::clone(&entry));
            by_name.insert(name.clone(), entry);
        }
        let mut routes = HashMap::with_capacity(config.models.len());
        for (alias, route) in &config.models {
            let target = |provider: &str, model: &str| {
                let entry = by_name.get(provider).ok_or_else(|| format!("models.{alias}: unknown provider `{provider}`"))?;
                Ok::<_, String>(entry.target(model))
            };
            let targets = route.targets.iter().map(|t| Ok((target(&t.provider, &t.model)?, t.weight))).collect::<Result<_, String>>()?;
            let fallback = route.fallback.iter().map(|t| target(&t.provider, &t.model)).collect::<Result<_, String>>()?;
            routes.insert(alias.clone(), Route { strategy: route.strategy, targets, fallback, turn: AtomicUsize::new(0) });
        }
        let clients = Clients::new(&config.clients)?;
        Ok(Self { config, providers, by_name, routes, clients, metrics: Arc::clone(metrics) })
    }

    /// Whether anyone who reaches the listener may call.
    pub fn is_open(&self) -> bool {
        self.clients.is_empty()
    }

    pub fn client(&self, key: &str) -> Option<&Arc<ClientEntry>> {
        self.clients.find(key)
    }

    pub fn provider(&self, name: &str) -> Option<&Arc<ProviderEntry>> {
        self.by_name.get(name)
    }

    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.config.models.keys().map(String::as_str)
    }

    /// The targets of an alias or of a `provider/model`.
    pub fn resolve(&self, model: &str) -> Option<Resolved> {
        if let Some(route) = self.routes.get(model) {
            return Some(Resolved { targets: route.order() });
        }
        let (provider, model) = model.split_once('/')?;
        let entry = self.by_name.get(provider).filter(|_| !model.is_empty())?;
        Some(Resolved { targets: vec![entry.target(model)] })
    }

    /// The handles' owner, for targets made outside a snapshot's routes.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

impl ProviderEntry {
    pub fn target(&self, model: &str) -> Target {
        let handles = Arc::clone(self.labelled.get(model).unwrap_or(&self.other));
        Target { provider: Arc::clone(&self.provider), model: Arc::from(model), handles }
    }
}

impl Route {
    /// All targets, the one whose turn it is first, then the fallbacks.
    fn order(&self) -> Vec<Target> {
        let first = match self.strategy {
            Strategy::Weighted => self.weighted(),
            Strategy::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed) % self.targets.len().max(1),
            Strategy::Failover | Strategy::LeastLatency | Strategy::LeastBusy | Strategy::Cheapest => 0,
        };
        let (head, tail) = self.targets.split_at(first.min(self.targets.len()));
        tail.iter().chain(head).map(|(target, _)| target).chain(&self.fallback).cloned().collect()
    }

    fn weighted(&self) -> usize {
        let total: u64 = self.targets.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut left = fastrand::u64(0..total.max(1));
        self.targets
            .iter()
            .position(|(_, weight)| {
                let here = left < u64::from(*weight);
                left = left.saturating_sub(u64::from(*weight));
                here
            })
            .unwrap_or(0)
    }
}
