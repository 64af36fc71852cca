//! Limits, breakers, budgets and prices.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::Check;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{Algorithm, Breaker, Budget, Concurrency, Limit, Period, Price, Prices, Provider, RateLimit};

const DEFAULT_CURRENCY: &str = "USD";
const DEFAULT_PRICED_TOKENS: u64 = 1_000_000;

impl Check<'_> {
    pub(super) fn limit(&mut self, raw: &model::Limit, path: &KeyPath<'_>) -> Limit {
        Limit {
            requests: raw.requests.as_ref().and_then(|rate| self.rate_limit(rate, &path.key("requests"))),
            tokens: raw.tokens.as_ref().and_then(|rate| self.rate_limit(rate, &path.key("tokens"))),
            concurrency: raw.concurrency.as_ref().and_then(|concurrency| self.concurrency(concurrency, &path.key("concurrency"))),
        }
    }

    fn rate_limit(&mut self, raw: &model::RateLimit, path: &KeyPath<'_>) -> Option<RateLimit> {
        if raw.burst == Some(0) {
            self.report.error(&path.key("burst"), "a burst of 0 would let nothing through", None);
        }
        let algorithm = match raw.algorithm {
            model::Algorithm::TokenBucket => Algorithm::TokenBucket,
            model::Algorithm::SlidingWindow => Algorithm::SlidingWindow,
        };
        if algorithm == Algorithm::SlidingWindow && raw.burst.is_some() {
            self.report.error(
                &path.key("burst"),
                "`sliding_window` has no burst",
                "leave it out, or use `algorithm: token_bucket`".to_owned(),
            );
        }
        match raw.rate {
            Some(rate) => Some(RateLimit { algorithm, rate, burst: raw.burst }),
            None => {
                self.report.missing(path, "rate", "write it like `10/s` or `600/min`".to_owned());
                None
            }
        }
    }

    fn concurrency(&mut self, raw: &model::Concurrency, path: &KeyPath<'_>) -> Option<Concurrency> {
        match raw.max {
            None => self.report.missing(path, "max", None),
            Some(0) => self.report.error(&path.key("max"), "a maximum of 0 would let nothing through", None),
            Some(_) => {}
        }
        raw.max.map(|max| Concurrency { max, adaptive: raw.adaptive })
    }

    pub(super) fn breaker(&mut self, raw: &model::Breaker, path: &KeyPath<'_>) -> Breaker {
        let default = Breaker::default();
        for (key, value) in [("consecutive_failures", raw.consecutive_failures), ("min_requests", raw.min_requests)] {
            if value == Some(0) {
                self.report.error(&path.key(key), "must be at least 1", None);
            }
        }
        if raw.failure_ratio.is_some_and(|ratio| ratio.0 <= 0.0) {
            self.report.error(&path.key("failure_ratio"), "must be more than 0", None);
        }
        if raw.open.is_some_and(|open| open.min.is_zero()) {
            self.report.error(&path.key("open"), "must not begin at 0", None);
        }
        Breaker {
            consecutive_failures: raw.consecutive_failures.unwrap_or(default.consecutive_failures),
            failure_ratio: raw.failure_ratio.map_or(default.failure_ratio, |ratio| ratio.0),
            min_requests: raw.min_requests.unwrap_or(default.min_requests),
            window: self.positive(&path.key("window"), raw.window, default.window),
            open_min: raw.open.map_or(default.open_min, |open| open.min),
            open_max: raw.open.map_or(default.open_max, |open| open.max),
        }
    }

    pub(super) fn budget(&mut self, raw: &model::Budget, path: &KeyPath<'_>) -> Budget {
        if raw.amount.is_none() {
            self.report.missing(path, "amount", None);
        }
        Budget {
            amount: raw.amount.map_or(Decimal::ZERO, |amount| amount.0),
            currency: self.currency(raw.currency.as_deref(), &path.key("currency")),
            per: match raw.per {
                model::Period::Hour => Period::Hour,
                model::Period::Day => Period::Day,
                model::Period::Week => Period::Week,
                model::Period::Month => Period::Month,
            },
        }
    }

    pub(super) fn prices(&mut self, raw: &model::Prices, providers: &BTreeMap<String, Provider>) -> Prices {
        let root = KeyPath::Root;
        let path = root.key("prices");
        let list = path.key("overrides");
        let mut overrides = BTreeMap::new();
        for (name, price) in &raw.overrides {
            let path = list.key(name);
            match name.split_once('/') {
                Some((provider, model)) if !model.is_empty() => self.known_provider(&path, provider, providers, true),
                _ => self.report.error_on_key(&path, format!("`{name}` is not of the form `provider/model`"), None),
            }
            for (key, amount) in [("input", price.input), ("output", price.output)] {
                if amount.is_none() {
                    self.report.missing(&path, key, None);
                }
            }
            let amount = |amount: Option<crate::config::text::Amount>| amount.map_or(Decimal::ZERO, |amount| amount.0);
            let per = price.per.map_or(DEFAULT_PRICED_TOKENS, |count| count.0);
            overrides.insert(name.clone(), Price { input: amount(price.input), output: amount(price.output), per });
        }
        Prices { currency: self.currency(raw.currency.as_deref(), &path.key("currency")), overrides }
    }

    fn currency(&mut self, raw: Option<&str>, path: &KeyPath<'_>) -> String {
        let currency = raw.unwrap_or(DEFAULT_CURRENCY);
        if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
            self.report.error(path, format!("`{currency}` is not a currency"), "write its three letters, like `USD` or `EUR`".to_owned());
        }
        currency.to_owned()
    }
}
