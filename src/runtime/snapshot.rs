//! One generation of the configuration, ready to serve.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::budgets::Budgets;
use super::clients::{ClientEntry, Clients};
use super::learnt::Learnt;
use super::live::Live;
use super::provider::Provider;
use super::reload::unix_now;
use super::route::{Candidate, CauseSet, Route};
use super::tally::Tally;
use super::target::{ProviderParts, Target};
use crate::config::{self, Config};
use crate::limit::Limiter;
use crate::metrics::{Metrics, OTHER};
use crate::price::Prices;
use crate::upstream::{Origins, Reach};

/// Targets of one provider that are kept; clients can name any model, so there has to be an end.
const MOST_TARGETS: usize = 1000;

/// Hedged requests in ten seconds that a route always allows, so that one with little traffic has any use of it.
const FEW_HEDGES: u64 = 3;

/// Everything a request needs to know. Only limits and measured times change while it lives.
pub struct Snapshot {
    pub config: Config,
    /// In the order of their names.
    pub providers: Vec<Arc<ProviderEntry>>,
    by_name: HashMap<String, Arc<ProviderEntry>>,
    routes: HashMap<String, Arc<Route>>,
    clients: Clients,
    /// What may be spent.
    pub budgets: Budgets,
    metrics: Arc<Metrics>,
    /// How the requests ended that began with it.
    pub tally: Arc<Tally>,
}

/// A provider and what is kept beside it.
pub struct ProviderEntry {
    pub provider: Arc<Provider>,
    pub learnt: Arc<Learnt>,
    parts: Arc<ProviderParts>,
    /// The models named in the file: only these are named in metrics.
    named: HashSet<String>,
    targets: Mutex<HashMap<Arc<str>, Arc<Target>>>,
}

/// What a model name stands for.
pub enum Resolved {
    Alias(Arc<Route>),
    Target(Arc<Target>),
}

impl Resolved {
    /// The targets in the order they are to be asked.
    pub fn plan(&self, conversation: Option<u64>, now: Instant) -> Vec<Candidate> {
        match self {
            Self::Alias(route) => route.plan(conversation, now),
            Self::Target(target) => vec![Candidate { target: Arc::clone(target), on: CauseSet::USUAL }],
        }
    }

    /// The targets that may ever be asked, in the file's order.
    pub fn targets(&self) -> Vec<&Arc<Target>> {
        match self {
            Self::Alias(route) => route.targets(),
            Self::Target(target) => vec![target],
        }
    }

    pub fn route(&self) -> Option<&Arc<Route>> {
        match self {
            Self::Alias(route) => Some(route),
            Self::Target(_) => None,
        }
    }
}

impl Snapshot {
    /// Builds a generation; nothing that runs changes by it. Origins, learnt lists and live state of `previous` live on where the
    /// upstream is the same. Limits that are already in use get their new settings by [`Self::commit`].
    pub fn build(
        config: Config,
        origins: &Origins,
        live: &Arc<Live>,
        metrics: &Arc<Metrics>,
        prices: &Arc<Prices>,
        previous: Option<&Self>,
    ) -> Result<Self, String> {
        let mut named: HashMap<&str, HashSet<String>> = HashMap::new();
        for (provider, model) in config.models.values().flat_map(config::Route::all_targets) {
            named.entry(provider).or_default().insert(model.to_owned());
        }
        let mut by_name = HashMap::with_capacity(config.providers.len());
        let mut providers = Vec::with_capacity(config.providers.len());
        for (name, source) in &config.providers {
            let provider =
                Arc::new(Provider::new(source, origins, reach(&config, name, source), live).map_err(|e| format!("providers.{name}: {e}"))?);
            let before = previous.and_then(|p| p.by_name.get(name));
            let named = named.remove(name.as_str()).unwrap_or_default();
            let entry = Arc::new(ProviderEntry::new(provider, named, live, before));
            providers.push(Arc::clone(&entry));
            by_name.insert(name.clone(), entry);
        }
        let mut routes = HashMap::with_capacity(config.models.len());
        for (alias, route) in &config.models {
            let target = |provider: &str, model: &str| {
                let entry = by_name.get(provider).ok_or_else(|| format!("models.{alias}: unknown provider `{provider}`"))?;
                Ok::<_, String>(entry.target(model))
            };
            let hedge_budget = |ratio| live.budget(format!("hedge\n{alias}"), ratio, FEW_HEDGES);
            routes.insert(alias.clone(), Arc::new(Route::new(route, prices, hedge_budget, target)?));
        }
        let clients = Clients::new(&config.clients, live)?;
        let budgets = Budgets::new(&config, live);
        Ok(Self { config, providers, by_name, routes, clients, budgets, metrics: Arc::clone(metrics), tally: Arc::default() })
    }

    /// This generation runs from now on: limits that are in use take its settings over and keep their state.
    pub fn commit(&self, now: Instant) {
        for entry in &self.providers {
            entry.parts.reconfigure(&entry.provider, now);
            for target in entry.used_targets() {
                target.reconfigure(now);
            }
        }
        self.clients.reconfigure(&self.config.clients, now);
        self.budgets.reconfigure(unix_now());
    }

    /// Whether anyone who reaches the listener may call.
    pub fn is_open(&self) -> bool {
        self.clients.is_empty()
    }

    pub fn client(&self, key: &str) -> Option<&Arc<ClientEntry>> {
        self.clients.find(key)
    }

    pub fn clients(&self) -> impl Iterator<Item = &Arc<ClientEntry>> {
        self.clients.iter()
    }

    pub fn provider(&self, name: &str) -> Option<&Arc<ProviderEntry>> {
        self.by_name.get(name)
    }

    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.config.models.keys().map(String::as_str)
    }

    /// What an alias or a `provider/model` stands for.
    pub fn resolve(&self, model: &str) -> Option<Resolved> {
        if let Some(route) = self.routes.get(model) {
            return Some(Resolved::Alias(Arc::clone(route)));
        }
        let (provider, model) = model.split_once('/')?;
        let entry = self.by_name.get(provider).filter(|_| !model.is_empty())?;
        Some(Resolved::Target(entry.target(model)))
    }

    /// The handles' owner, for targets made outside a snapshot's routes.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

/// The files' authors may send requests anywhere, users of the admin API only where `admin.allow_urls` lets them.
fn reach(config: &Config, name: &str, source: &config::Provider) -> Reach {
    let is_stored = config.effective.places.get(&format!("providers.{name}")).is_some_and(|place| place.starts_with(config::STORE));
    if is_stored && !config::is_named(&source.base_url, &config.admin.allow_urls) { Reach::Public } else { Reach::Anywhere }
}

impl ProviderEntry {
    fn new(provider: Arc<Provider>, mut named: HashSet<String>, live: &Arc<Live>, before: Option<&Arc<Self>>) -> Self {
        let learnt =
            before.filter(|entry| entry.provider.same_upstream(&provider)).map_or_else(Arc::default, |entry| Arc::clone(&entry.learnt));
        named.extend(provider.models().unwrap_or_default().iter().cloned());
        named.extend(provider.limits().1.keys().cloned());
        let parts = Arc::new(ProviderParts::new(&provider, live));
        let entry = Self { provider, learnt, parts, named, targets: Mutex::default() };
        // State that is in use is held from here on, or it would be gone with the generation before.
        for used in before.into_iter().flat_map(|before| before.used_targets()) {
            entry.target(&used.model).take_over();
        }
        entry
    }

    /// The models that the configuration names, in no order.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    /// The target of a model.
    pub fn target(&self, model: &str) -> Arc<Target> {
        let mut targets = self.targets.lock();
        if let Some(target) = targets.get(model) {
            return Arc::clone(target);
        }
        let label = if self.named.contains(model) { model } else { OTHER };
        let target = Arc::new(Target::new(&self.provider, model, label, &self.parts));
        if targets.len() >= MOST_TARGETS + self.named.len() {
            targets.retain(|model, target| Arc::strong_count(target) > 1 || self.named.contains(&**model));
        }
        targets.insert(Arc::clone(&target.model), Arc::clone(&target));
        target
    }

    /// The targets that requests were sent to.
    pub fn used_targets(&self) -> Vec<Arc<Target>> {
        self.targets.lock().values().filter(|target| target.is_used()).cloned().collect()
    }

    pub fn limiter(&self) -> Option<&Arc<Limiter>> {
        self.parts.limiter()
    }
}
