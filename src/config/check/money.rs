//! Prices, exchange rates, budgets and the file of records.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Check;
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::size::Count;
use crate::config::text::Amount;
use crate::config::types::{Budget, Client, ExchangeRate, Period, Price, Prices, Provider, ScopedBudget, UsageFile};

const DEFAULT_CURRENCY: &str = "USD";
const MILLION: u64 = 1_000_000;
const NANO: u64 = 1_000_000_000;
/// In thousandths.
const DEFAULT_WARN_AT: u32 = 800;
const DEFAULT_FILE_SIZE: u64 = 100 << 20;
const DEFAULT_FILES: u32 = 10;
/// Sums of use in the store.
pub(in crate::config) const USAGE_KEEP: Duration = Duration::from_secs(366 * 86_400);
const MOST_FILES: u32 = 1000;

/// Prices as they are written, by kind.
type Amounts = [(Kind, Option<Amount>); Kind::COUNT];

macro_rules! amounts {
    ($of:expr) => {
        [
            (Kind::Input, $of.input),
            (Kind::CacheRead, $of.cache_read),
            (Kind::CacheWrite, $of.cache_write),
            (Kind::CacheWrite1h, $of.cache_write_1h),
            (Kind::AudioInput, $of.audio_input),
            (Kind::ImageInput, $of.image_input),
            (Kind::Output, $of.output),
            (Kind::Reasoning, $of.reasoning),
            (Kind::AudioOutput, $of.audio_output),
            (Kind::ImageOutput, $of.image_output),
            (Kind::Request, $of.request),
        ]
    };
}

impl Check<'_> {
    pub(super) fn prices(&mut self, raw: &model::Prices, providers: &BTreeMap<String, Provider>) -> Prices {
        let root = KeyPath::Root;
        let path = root.key("prices");
        let currency = self.currency(raw.currency.as_deref(), DEFAULT_CURRENCY, &path.key("currency"));
        let list = path.key("overrides");
        let mut overrides = BTreeMap::new();
        for (name, price) in &raw.overrides {
            let path = list.key(name);
            match name.split_once('/') {
                Some((provider, model)) if !model.is_empty() => self.known_provider(&path, provider, providers, true),
                _ => self.report.error_on_key(&path, format!("`{name}` is not of the form `provider/model`"), None),
            }
            let price = self.price(price, &currency, &path);
            overrides.insert(name.clone(), price);
        }
        let list = path.key("exchange");
        let exchange = raw.exchange.iter().enumerate().map(|(index, rate)| self.exchange_rate(rate, &list.item(index))).collect();
        Prices { currency, overrides, exchange }
    }

    fn price(&mut self, raw: &model::Price, currency: &str, path: &KeyPath<'_>) -> Price {
        for (key, amount) in [("input", raw.input), ("output", raw.output)] {
            if amount.is_none() {
                self.report.missing(path, key, None);
            }
        }
        let per = raw.per.map_or(MILLION, |count| count.0);
        if per == 0 {
            self.report.error(&path.key("per"), "must be at least 1", None);
        }
        let above_path = path.key("above");
        let mut above = BTreeMap::new();
        for (tokens, rates) in &raw.above {
            let path = above_path.key(tokens);
            match Count::from_str(tokens) {
                Ok(count) => drop(above.insert(count.0, self.rates(amounts!(rates), per, &path))),
                Err(message) => self.report.error_on_key(&path, message, None),
            }
        }
        let tiers_path = path.key("tiers");
        let tiers = [
            (ServiceTier::Batch, &raw.tiers.batch),
            (ServiceTier::Flex, &raw.tiers.flex),
            (ServiceTier::Priority, &raw.tiers.priority),
            (ServiceTier::Fast, &raw.tiers.fast),
        ];
        let given = tiers.into_iter().filter_map(|(tier, rates)| Some((tier, rates.as_ref()?)));
        let tiers = given.map(|(tier, rates)| (tier, self.rates(amounts!(rates), per, &tiers_path.key(tier.as_str())))).collect();
        Price {
            currency: self.currency(raw.currency.as_deref(), currency, &path.key("currency")),
            rates: self.rates(amounts!(raw), per, path),
            above,
            tiers,
        }
    }

    /// Prices of a million, from prices of `per`.
    fn rates(&mut self, amounts: Amounts, per: u64, path: &KeyPath<'_>) -> BTreeMap<Kind, u64> {
        let given = amounts.into_iter().filter_map(|(kind, amount)| Some((kind, amount?.0)));
        let rates = given.map(|(kind, amount)| {
            let per = if kind == Kind::Request { 1 } else { per };
            let rate = Decimal::from(MILLION).checked_mul(amount).and_then(|amount| amount.checked_div(per.into()));
            (kind, self.nano(rate, &path.key(kind.as_str())))
        });
        rates.collect()
    }

    fn exchange_rate(&mut self, raw: &model::ExchangeRate, path: &KeyPath<'_>) -> ExchangeRate {
        for (key, is_missing) in [("from", raw.from.is_none()), ("to", raw.to.is_none()), ("rate", raw.rate.is_none())] {
            if is_missing {
                self.report.missing(path, key, None);
            }
        }
        let rate = self.nano(raw.rate.map(|rate| rate.0).or(Some(Decimal::ONE)), &path.key("rate"));
        if rate == 0 {
            self.report.error(&path.key("rate"), "must be more than 0", None);
        }
        let since = raw.since.as_deref().and_then(|text| {
            let day = text.parse::<jiff::civil::Date>().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
            if day.is_err() {
                let hint = "write it like `2026-01-31`".to_owned();
                self.report.error(&path.key("since"), format!("`{text}` is not a day"), hint);
            }
            u64::try_from(day.ok()?.timestamp().as_second()).ok()
        });
        ExchangeRate {
            from: self.currency(raw.from.as_deref(), DEFAULT_CURRENCY, &path.key("from")),
            to: self.currency(raw.to.as_deref(), DEFAULT_CURRENCY, &path.key("to")),
            rate,
            since: since.unwrap_or(0),
        }
    }

    pub(super) fn budget(&mut self, raw: &model::Budget, path: &KeyPath<'_>) -> Budget {
        if raw.amount.is_none() {
            self.report.missing(path, "amount", None);
        }
        let ratio = raw.warn_at.map(|ratio| ratio.0);
        if ratio.is_some_and(|ratio| ratio <= 0.0) {
            self.report.error(&path.key("warn_at"), "must be more than 0", "leave it out for 80%, or write 100% for none".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a whole is between 0 and 1")]
        let warn_at = ratio.map_or(DEFAULT_WARN_AT, |ratio| (ratio * 1000.0).round() as u32);
        Budget {
            amount: self.nano(raw.amount.map(|amount| amount.0).or(Some(Decimal::ZERO)), &path.key("amount")),
            currency: self.currency(raw.currency.as_deref(), DEFAULT_CURRENCY, &path.key("currency")),
            per: match raw.per {
                model::Period::Hour => Period::Hour,
                model::Period::Day => Period::Day,
                model::Period::Week => Period::Week,
                model::Period::Month => Period::Month,
            },
            warn_at,
        }
    }

    pub(super) fn budgets(
        &mut self,
        raw: &[model::ScopedBudget],
        clients: &[Client],
        providers: &BTreeMap<String, Provider>,
    ) -> Vec<ScopedBudget> {
        let root = KeyPath::Root;
        let list = root.key("budgets");
        let mut names = HashSet::new();
        let mut budgets = Vec::with_capacity(raw.len());
        for (index, one) in raw.iter().enumerate() {
            let path = list.item(index);
            match &one.name {
                None => self.report.missing(&path, "name", None),
                Some(name) => {
                    self.name(&path.key("name"), name);
                    if !names.insert(name) {
                        self.report.error(&path.key("name"), format!("another budget has the name `{name}` already"), None);
                    }
                }
            }
            if let Some(client) = one.client.as_deref().filter(|name| clients.iter().all(|client| client.name != *name)) {
                self.report.error(&path.key("client"), format!("there is no client `{client}`"), "add it to `clients:`".to_owned());
            }
            if let Some(provider) = &one.provider {
                self.known_provider(&path.key("provider"), provider, providers, false);
            }
            let amounts = model::Budget { amount: one.amount, currency: one.currency.clone(), per: one.per, warn_at: one.warn_at };
            budgets.push(ScopedBudget {
                name: one.name.clone().unwrap_or_default(),
                client: one.client.clone(),
                provider: one.provider.clone(),
                model: one.model.clone(),
                tag: one.tag.clone(),
                budget: self.budget(&amounts, &path),
            });
        }
        budgets
    }

    /// Warns of currencies that nothing leads to: costs in them cannot be reported or held against a budget.
    pub(super) fn exchangeable(&mut self, prices: &Prices, clients: &[Client], budgets: &[ScopedBudget]) {
        let root = KeyPath::Root;
        let known = |from: &str, to: &str| {
            let pair = |one: &str, other: &str| {
                prices.exchange.iter().any(|rate| (rate.from == one && rate.to == other) || (rate.from == other && rate.to == one))
            };
            from == to
                || pair(from, to)
                || prices.exchange.iter().any(|via| [&via.from, &via.to].iter().any(|via| pair(from, via) && pair(via, to)))
        };
        let hint = |from: &str, to: &str| format!("add `{{from: {from}, to: {to}, rate: ...}}` to `prices: {{exchange: []}}`");
        if !known(DEFAULT_CURRENCY, &prices.currency) {
            let message =
                format!("no exchange rate leads from {DEFAULT_CURRENCY}, the currency of the built-in prices, to {}", prices.currency);
            self.report.warning(&root.key("prices").key("currency"), message, hint(DEFAULT_CURRENCY, &prices.currency));
        }
        let list = root.key("clients");
        for (index, client) in clients.iter().enumerate() {
            if let Some(budget) = client.budget.as_ref().filter(|budget| !known(DEFAULT_CURRENCY, &budget.currency)) {
                let message = format!(
                    "no exchange rate leads from {DEFAULT_CURRENCY} to {}: such costs do not count against the budget",
                    budget.currency
                );
                self.report.warning(&list.item(index).key("budget"), message, hint(DEFAULT_CURRENCY, &budget.currency));
            }
        }
        let list = root.key("budgets");
        for (index, one) in budgets.iter().enumerate().filter(|(_, one)| !known(DEFAULT_CURRENCY, &one.budget.currency)) {
            let message = format!(
                "no exchange rate leads from {DEFAULT_CURRENCY} to {}: such costs do not count against the budget",
                one.budget.currency
            );
            self.report.warning(&list.item(index), message, hint(DEFAULT_CURRENCY, &one.budget.currency));
        }
    }

    pub(super) fn usage_file(&mut self, raw: &model::Usage) -> Option<UsageFile> {
        let root = KeyPath::Root;
        let (file, usage) = (raw.file.as_ref()?, root.key("usage"));
        let path = usage.key("file");
        if file.path.as_deref().is_none_or(str::is_empty) {
            self.report.missing(&path, "path", None);
        }
        if file.max_size.is_some_and(|size| size.0 < 4096) {
            self.report.error(&path.key("max_size"), "must be at least 4KiB", None);
        }
        if file.keep.is_some_and(|keep| keep > MOST_FILES) {
            self.report.error(&path.key("keep"), format!("must be at most {MOST_FILES}"), None);
        }
        Some(UsageFile {
            path: PathBuf::from(file.path.clone().unwrap_or_default()),
            max_size: file.max_size.map_or(DEFAULT_FILE_SIZE, |size| size.0 as u64),
            keep: file.keep.unwrap_or(DEFAULT_FILES),
        })
    }

    /// An amount in nano-units, which it has to be exactly.
    pub(super) fn nano(&mut self, amount: Option<Decimal>, path: &KeyPath<'_>) -> u64 {
        let nano = amount.and_then(|amount| amount.checked_mul(NANO.into()));
        let Some(nano) = nano.filter(Decimal::is_integer).and_then(|nano| nano.to_u64()) else {
            self.report.error(path, "finer than a billionth, or too large", "write it with at most nine decimals".to_owned());
            return 0;
        };
        nano
    }

    fn currency(&mut self, raw: Option<&str>, default: &str, path: &KeyPath<'_>) -> String {
        let currency = raw.unwrap_or(default);
        if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
            self.report.error(path, format!("`{currency}` is not a currency"), "write its three letters, like `USD` or `EUR`".to_owned());
        }
        currency.to_owned()
    }
}
