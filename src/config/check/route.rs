//! Aliases: what a model name stands for.

use std::collections::BTreeMap;

use super::{Check, effect};
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::suggest::nearest;
use crate::config::types::{Provider, Route, Strategy, Target};

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
        effect::warn_of_strategy(&mut self.report, &path.key("strategy"), raw.strategy);
        let targets = self.targets(&raw.targets, &targets_path, providers);
        self.weights(&raw.targets, strategy, path);
        let fallback = self.targets(&raw.fallback, &fallback_path, providers);
        for (index, target) in fallback.iter().enumerate() {
            let earlier = targets.iter().chain(fallback.iter().take(index));
            if earlier.into_iter().any(|other| other.provider == target.provider && other.model == target.model) {
                let message =
                    format!("fallback in a circle: `{}/{}` has been tried before it comes to this", target.provider, target.model);
                self.report.error(&fallback_path.item(index), message, None);
            }
        }
        Route { strategy, targets, fallback }
    }

    fn targets(&mut self, raw: &[model::Target], path: &KeyPath<'_>, providers: &BTreeMap<String, Provider>) -> Vec<Target> {
        let mut targets = Vec::with_capacity(raw.len());
        for (index, target) in raw.iter().enumerate() {
            let path = path.item(index);
            match &target.provider {
                None => self.report.missing(&path, "provider", None),
                Some(name) => self.known_provider(&path.key("provider"), name, providers, false),
            }
            match &target.model {
                None => self.report.missing(&path, "model", None),
                Some(model) => self.offered(&path.key("model"), model, target.provider.as_ref().and_then(|name| providers.get(name))),
            }
            targets.push(Target {
                provider: target.provider.clone().unwrap_or_default(),
                model: target.model.clone().unwrap_or_default(),
                weight: target.weight.unwrap_or(1),
            });
        }
        targets
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
