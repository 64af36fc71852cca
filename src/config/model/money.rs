//! Prices, budgets and the records of use, as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::duration::Time;
use crate::config::size::{Count, Ratio, Size};
use crate::config::text::Amount;

/// Prices of models.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// The currency costs are reported in beside their own, by its three letters. Default: USD.
    pub currency: Option<String>,
    /// Prices by provider/model; `provider/*` for all its models without one of their own. Each stands instead of the built-in price.
    pub overrides: BTreeMap<String, Price>,
    /// Exchange rates between the currencies of prices, reports and budgets.
    pub exchange: Vec<ExchangeRate>,
}

/// The price of a model. A kind of use without a price of its own costs what its input or output does.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Three letters. Default: `prices.currency`.
    pub currency: Option<String>,
    /// Of prompt tokens.
    pub input: Option<Amount>,
    /// Of answer tokens.
    pub output: Option<Amount>,
    /// Of prompt tokens read from the vendor's cache.
    pub cache_read: Option<Amount>,
    /// Of prompt tokens written to the vendor's cache.
    pub cache_write: Option<Amount>,
    /// Of those written to be kept for an hour.
    pub cache_write_1h: Option<Amount>,
    /// Of answer tokens spent on reasoning.
    pub reasoning: Option<Amount>,
    /// Of prompt tokens that are sound.
    pub audio_input: Option<Amount>,
    /// Of answer tokens that are sound.
    pub audio_output: Option<Amount>,
    /// Of prompt tokens that are images.
    pub image_input: Option<Amount>,
    /// Of answer tokens that are images.
    pub image_output: Option<Amount>,
    /// Of one request, whatever `per` says.
    pub request: Option<Amount>,
    /// For how many tokens the prices are. Default: 1M.
    pub per: Option<Count>,
    /// Prices of requests whose prompt has more tokens than the key says: `200K: {input: 5, output: 15}`.
    pub above: BTreeMap<String, Rates>,
    /// Prices of classes of service, where they differ.
    pub tiers: Tiers,
}

/// Prices that differ.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Of prompt tokens.
    pub input: Option<Amount>,
    /// Of answer tokens.
    pub output: Option<Amount>,
    /// Of prompt tokens read from the vendor's cache.
    pub cache_read: Option<Amount>,
    /// Of prompt tokens written to the vendor's cache.
    pub cache_write: Option<Amount>,
    /// Of those written to be kept for an hour.
    pub cache_write_1h: Option<Amount>,
    /// Of answer tokens spent on reasoning.
    pub reasoning: Option<Amount>,
    /// Of prompt tokens that are sound.
    pub audio_input: Option<Amount>,
    /// Of answer tokens that are sound.
    pub audio_output: Option<Amount>,
    /// Of prompt tokens that are images.
    pub image_input: Option<Amount>,
    /// Of answer tokens that are images.
    pub image_output: Option<Amount>,
    /// Of one request, whatever `per` says.
    pub request: Option<Amount>,
}

/// Prices of classes of service. What is left out is as usual.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tiers {
    /// Requests that a vendor works off when it has time.
    pub batch: Option<Rates>,
    /// Requests that may wait or be refused.
    pub flex: Option<Rates>,
    /// Requests that go before others.
    pub priority: Option<Rates>,
    /// Answers that are written faster.
    pub fast: Option<Rates>,
}

/// An exchange rate, which holds from a day on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeRate {
    /// Three letters.
    pub from: Option<String>,
    /// Three letters.
    pub to: Option<String>,
    /// So much of `to` is one `from`.
    pub rate: Option<Amount>,
    /// The first day (UTC), as in 2026-01-31. Absent: always.
    pub since: Option<String>,
}

/// What a client may spend.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// The most it may cost in a period.
    pub amount: Option<Amount>,
    /// Three letters. Default: USD.
    pub currency: Option<String>,
    /// When it starts anew, by the calendar in UTC. Default: month.
    pub per: Period,
    /// The part of it from which on answers carry a warning. Default: 80%.
    pub warn_at: Option<Ratio>,
}

/// What may be spent on requests that fit all of `client`, `provider`, `model` and `tag` that are given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScopedBudget {
    /// For logs, metrics and messages.
    pub name: Option<String>,
    /// The name of a client.
    pub client: Option<String>,
    /// The name of a provider.
    pub provider: Option<String>,
    /// A model, as clients name it or as its vendor does.
    pub model: Option<String>,
    /// One of the words in the request header `x-llm-tags`.
    pub tag: Option<String>,
    /// The most it may cost in a period.
    pub amount: Option<Amount>,
    /// Three letters. Default: USD.
    pub currency: Option<String>,
    /// When it starts anew, by the calendar in UTC. Default: month.
    pub per: Period,
    /// The part of it from which on answers carry a warning. Default: 80%.
    pub warn_at: Option<Ratio>,
}

/// A span of time by the calendar.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Hour,
    Day,
    Week,
    #[default]
    Month,
}

/// Records of use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// A file of JSON lines. Changes need a restart.
    pub file: Option<UsageFile>,
    /// Sums by day, provider, model and client in the store, where there is one. Changes need a restart.
    pub store: UsageStore,
}

/// What the store keeps of use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageStore {
    /// How long, in whole days; 0s: nothing. Default: 366d.
    pub keep: Option<Time>,
}

/// A file that is followed by a new one when it is full.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageFile {
    /// Where it is. Full ones get `.1`, `.2` and so on behind their names, the latest the lowest.
    pub path: Option<String>,
    /// When it is full. Default: 100MiB.
    pub max_size: Option<Size>,
    /// How many full ones are kept, up to 1000. Default: 10.
    pub keep: Option<u32>,
}
