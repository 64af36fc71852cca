//! Aliases: what a model name stands for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Check;
use crate::config::hedge::HedgeAfter;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::suggest::nearest;
use crate::config::types::{Cache, Cause, Degraded, Fallback, Hedge, Mirror, Prices, Provider, Route, RouteCache, Strategy, Target};

const DEFAULT_CAUSES: [Cause; 2] = [Cause::Error, Cause::RateLimit];
const DEFAULT_HEDGE_BUDGET: f64 = 0.05;
const DEFAULT_CACHE_TTL: Duration = Duration::from_secs(300);

impl Check<'_> {
    pub(super) fn routes(
        &mut self,
        raw: &BTreeMap<String, model::Route>,
        providers: &BTreeMap<String, Provider>,
    ) -> BTreeMap<String, Route> {
        let root = KeyPath::Root;
        let list = root.key("models");
        raw.iter().map(|(name, route)| (name.clone(), self.route(name, route, &list.key(name), providers))).collect()
    }

    fn route(&mut self, name: &str, raw: &model::Route, path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Route {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            self.report.error_on_key(path, "the name of an alias is empty or holds control characters", None);
        }
        if let Some((provider, _)) = name.split_once('/').filter(|(provider, _)| providers.contains_key(*provider)) {
            let message = format!("the alias hides a model of the provider `{provider}`: clients write `{provider}/...` for those");
            self.report.error_on_key(path, message, "choose a name that does not begin with a provider's".to_owned());
        }
        let (targets_path, fallback_path) = (path.key("targets"), path.key("fallback"));
        if raw.targets.is_empty() {
            self.report.missing(path, "targets", "name a provider and a model: `targets: [{provider: ..., model: ...}]`".to_owned());
            if self.report.root.find(&targets_path).is_some_and(|node| node.size() == 1) {
                self.report.error(&targets_path, "the list of targets is empty", None);
            }
        }
        let strategy = strategy(raw.strategy);
        let targets = self.targets(&raw.targets, &targets_path, providers);
        self.weights(&raw.targets, strategy, path);
        let fallback = self.fallbacks(&raw.fallback, &fallback_path, providers);
        for (index, target) in fallback.iter().enumerate() {
            let same = |provider: &str, model: &str| target.provider == provider && target.model == model;
            let earlier = fallback.iter().take(index).filter(|other| other.on.iter().any(|cause| target.on.contains(cause)));
            if targets.iter().any(|other| same(&other.provider, &other.model)) || earlier.into_iter().any(|o| same(&o.provider, &o.model)) {
                let message =
                    format!("fallback in a circle: `{}/{}` has been tried before it comes to this", target.provider, target.model);
                self.report.error(&fallback_path.item(index), message, None);
            }
        }
        Route {
            strategy,
            targets,
            fallback,
            sticky: raw.sticky,
            hedge: raw.hedge.as_ref().map(|hedge| Hedge {
                after: hedge.after.unwrap_or(HedgeAfter::P95),
                budget: hedge.budget.map_or(DEFAULT_HEDGE_BUDGET, |budget| budget.0),
            }),
            mirror: raw.mirror.as_ref().map(|mirror| self.mirror(mirror, &path.key("mirror"), providers)),
            degraded: raw.degraded.as_ref().and_then(|degraded| self.degraded(degraded, &path.key("degraded"), providers)),
            cache: raw.cache.as_ref().map(|cache| RouteCache {
                ttl: self.positive(&path.key("cache").key("ttl"), cache.ttl, DEFAULT_CACHE_TTL),
                any: cache.any,
            }),
        }
    }

    fn fallbacks(&mut self, raw: &[model::Fallback], path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Vec<Fallback> {
        let mut fallbacks = Vec::with_capacity(raw.len());
        for (index, fallback) in raw.iter().enumerate() {
            let path = path.item(index);
            let (provider, model) = self.target(fallback.provider.as_deref(), fallback.model.as_deref(), &path, providers);
            if fallback.on.as_ref().is_some_and(Vec::is_empty) {
                self.report.error(
                    &path.key("on"),
                    "an empty list lets nothing fall back",
                    "leave it out for `[error, rate_limit]`".to_owned(),
                );
            }
            let on = fallback.on.as_ref().map_or_else(|| DEFAULT_CAUSES.to_vec(), |causes| causes.iter().copied().map(cause).collect());
            fallbacks.push(Fallback { provider, model, on });
        }
        fallbacks
    }

    fn mirror(&mut self, raw: &model::Mirror, path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Mirror {
        let (provider, model) = self.target(raw.provider.as_deref(), raw.model.as_deref(), path, providers);
        Mirror { provider, model, sample: raw.sample.map_or(1.0, |sample| sample.0) }
    }

    fn degraded(&mut self, raw: &model::Degraded, path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Option<Degraded> {
        match (&raw.answer, raw.provider.is_some() || raw.model.is_some()) {
            (Some(_), true) => {
                self.report.error(&path.key("answer"), "there is a target already", "give either a target or an `answer`".to_owned());
                None
            }
            (Some(answer), false) => Some(Degraded::Answer(answer.clone())),
            (None, true) => {
                let (provider, model) = self.target(raw.provider.as_deref(), raw.model.as_deref(), path, providers);
                Some(Degraded::Target { provider, model })
            }
            (None, false) => {
                self.report.missing(path, "answer", "give a `provider` and a `model`, or an `answer`".to_owned());
                None
            }
        }
    }

    pub(super) fn cache(&mut self, raw: &model::Cache) -> Cache {
        let root = KeyPath::Root;
        let path = root.key("cache");
        let default = Cache::default();
        let cache = Cache {
            max_bytes: raw.max_bytes.map_or(default.max_bytes, |size| size.0),
            max_entry: raw.max_entry.map_or(default.max_entry.min(raw.max_bytes.map_or(usize::MAX, |size| size.0)), |size| size.0),
        };
        if cache.max_entry > cache.max_bytes {
            self.report.error(&path.key("max_entry"), "larger than `max_bytes`", None);
        }
        cache
    }

    fn targets(&mut self, raw: &[model::Target], path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Vec<Target> {
        let mut targets = Vec::with_capacity(raw.len());
        for (index, target) in raw.iter().enumerate() {
            let path = path.item(index);
            let (provider, model) = self.target(target.provider.as_deref(), target.model.as_deref(), &path, providers);
            targets.push(Target { provider, model, weight: target.weight.unwrap_or(1) });
        }
        targets
    }

    /// A provider and a model, both of which have to be there.
    fn target(
        &mut self,
        provider: Option<&str>,
        model: Option<&str>,
        path: &KeyPath<'_>,
        providers: &BTreeMap<String, Provider>,
    ) -> (String, String) {
        match provider {
            None => self.report.missing(path, "provider", None),
            Some(name) => self.known_provider(&path.key("provider"), name, providers, false),
        }
        match model {
            None => self.report.missing(path, "model", None),
            Some(model) => self.offered(&path.key("model"), model, provider.and_then(|name| providers.get(name))),
        }
        (provider.unwrap_or_default().to_owned(), model.unwrap_or_default().to_owned())
    }

    fn weights(&mut self, targets: &[model::Target], strategy: Strategy, path: &KeyPath<'_>) {
        if strategy == Strategy::Weighted {
            if !targets.is_empty() && targets.iter().all(|target| target.weight == Some(0)) {
                self.report.error(&path.key("targets"), "every target has the weight 0", None);
            }
        } else if let Some(index) = targets.iter().position(|target| target.weight.is_some()) {
            let hint = "add `strategy: weighted`, or leave the weights out".to_owned();
            self.report.warning(&path.key("targets").item(index).key("weight"), "a weight means nothing with this strategy", hint);
        }
    }

    /// Says which targets `cheapest` knows no price of.
    pub(super) fn priced(&mut self, routes: &BTreeMap<String, Route>, providers: &BTreeMap<String, Provider>, prices: &Prices) {
        let root = KeyPath::Root;
        let list = root.key("models");
        for (name, route) in routes.iter().filter(|(_, route)| route.strategy == Strategy::Cheapest) {
            let path = list.key(name);
            for (index, target) in route.targets.iter().enumerate() {
                let full = format!("{}/{}", target.provider, target.model);
                let vendor = providers.get(&target.provider).and_then(|one| self.vendors.iter().find(|vendor| vendor.id == one.vendor));
                let is_built_in = vendor.is_some_and(|vendor| vendor.knows_price.is_some_and(|knows| knows(&vendor.id, &target.model)));
                let given = [&full, &format!("{}/*", target.provider)].into_iter().any(|name| prices.overrides.contains_key(name));
                if !given && !is_built_in {
                    let hint = format!("add it to `prices: {{overrides: {{\"{full}\": {{input: ..., output: ...}}}}}}`");
                    let message = format!("`{full}` has no price; `cheapest` takes it last");
                    self.report.warning(&path.key("targets").item(index), message, hint);
                }
            }
        }
    }

    /// A provider's name, in the value at `path` or (`in_key`) in its key.
    pub(super) fn known_provider(&mut self, path: &KeyPath<'_>, name: &str, providers: &BTreeMap<String, Provider>, in_key: bool) {
        if providers.contains_key(name) {
            return;
        }
        let names = providers.keys().map(String::as_str);
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it to `providers:`".to_owned(),
        };
        let message = format!("there is no provider `{name}`");
        if in_key { self.report.error_on_key(path, message, hint) } else { self.report.error(path, message, hint) }
    }

    fn offered(&mut self, path: &KeyPath<'_>, model: &str, provider: Option<&Provider>) {
        if model.trim().is_empty() {
            self.report.error(path, "the name of the model is empty", None);
        }
        if let Some(Provider { name, models: Some(models), .. }) = provider
            && !models.iter().any(|offered| offered == model)
        {
            let hint = nearest(model, models.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            self.report.warning(path, format!("`{model}` is not among the `models` of the provider `{name}`"), hint);
        }
    }
}

fn strategy(raw: model::Strategy) -> Strategy {
    match raw {
        model::Strategy::Failover => Strategy::Failover,
        model::Strategy::Weighted => Strategy::Weighted,
        model::Strategy::RoundRobin => Strategy::RoundRobin,
        model::Strategy::LeastLatency => Strategy::LeastLatency,
        model::Strategy::LeastBusy => Strategy::LeastBusy,
        model::Strategy::Cheapest => Strategy::Cheapest,
    }
}

fn cause(raw: model::Cause) -> Cause {
    match raw {
        model::Cause::Error => Cause::Error,
        model::Cause::RateLimit => Cause::RateLimit,
        model::Cause::ContextWindow => Cause::ContextWindow,
        model::Cause::ContentPolicy => Cause::ContentPolicy,
    }
}
