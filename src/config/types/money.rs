//! Prices, budgets and the records of use. Amounts of money are integers of a billionth (nano) of the currency's unit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;

/// What models cost, on top of the built-in list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// The currency costs are reported in. ISO 4217, upper case.
    pub currency: String,
    /// By `provider/model` or `provider/*`.
    pub overrides: BTreeMap<String, Price>,
    pub exchange: Vec<ExchangeRate>,
}

impl Default for Prices {
    fn default() -> Self {
        Self { currency: "USD".into(), overrides: BTreeMap::new(), exchange: Vec::new() }
    }
}

/// Of a million tokens or requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// ISO 4217, upper case.
    pub currency: String,
    pub rates: BTreeMap<Kind, u64>,
    /// By the number of tokens that the prompt has more of.
    pub above: BTreeMap<u64, BTreeMap<Kind, u64>>,
    pub tiers: BTreeMap<ServiceTier, BTreeMap<Kind, u64>>,
}

/// So many billionths of `to` are one `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRate {
    pub from: String,
    pub to: String,
    pub rate: u64,
    /// Unix seconds.
    pub since: u64,
}

/// What may be spent in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub amount: u64,
    /// ISO 4217, upper case.
    pub currency: String,
    pub per: Period,
    /// In thousandths of the amount: from here on answers carry a warning.
    pub warn_at: u32,
}

/// A budget for requests that fit all that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedBudget {
    pub name: String,
    pub client: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub tag: Option<String>,
    pub budget: Budget,
}

/// By the calendar in UTC; weeks begin on Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
}

/// A file that is followed by a new one when it is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageFile {
    pub path: PathBuf,
    /// In bytes.
    pub max_size: u64,
    /// Full ones.
    pub keep: u32,
}
