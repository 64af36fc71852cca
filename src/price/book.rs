//! Every price in force, and the way to change it while requests run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use serde::Serialize;

use super::catalogue;
use super::exchange::{Exchange, ExchangeRate};
use super::money::Currency;
use super::schedule::Schedule;

/// Prices and rates beside the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// By `provider/model`, as the configuration names the provider; `provider/*` is for all models without one of their own.
    pub prices: BTreeMap<String, Schedule>,
    pub rates: Vec<ExchangeRate>,
}

/// The prices in force at one time; never changed, only replaced.
pub struct Book {
    version: Arc<str>,
    currency: Currency,
    prices: BTreeMap<String, Arc<Schedule>>,
    exchange: Exchange,
}

impl Book {
    /// `own` is over the built-in prices.
    pub fn new(currency: Currency, own: &Layer) -> Self {
        let prices = own.prices.iter().map(|(name, price)| (name.clone(), Arc::new(price.clone()))).collect();
        Self { version: version(currency, own), currency, prices, exchange: Exchange::new(own.rates.clone()) }
    }

    /// Names these prices: the same ones have the same name in every process.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// The currency that costs are reported in beside their own.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The prices that are not built in.
    pub fn overrides(&self) -> &BTreeMap<String, Arc<Schedule>> {
        &self.prices
    }

    /// What a model of a configured provider costs; `section` is where the built-in prices have the vendor.
    pub fn find(&self, provider: &str, section: Option<&str>, model: &str) -> Option<Arc<Schedule>> {
        let named = |model: &str| self.prices.get(&format!("{provider}/{model}")).cloned();
        named(model).or_else(|| named("*")).or_else(|| catalogue::find(section?, model).map(Arc::new))
    }
}

fn version(currency: Currency, own: &Layer) -> Arc<str> {
    let mut version = catalogue::version();
    if *own != Layer::default() || currency != Currency::USD {
        let text = serde_json::to_vec(&(currency, own)).unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
        version.push('+');
        for byte in digest.as_ref().iter().take(6) {
            let _ = write!(version, "{byte:02x}");
        }
    }
    version.into()
}

/// The book in force.
pub struct Prices(ArcSwap<Book>);

impl Prices {
    pub fn new(currency: Currency, own: &Layer) -> Self {
        Self(ArcSwap::from_pointee(Book::new(currency, own)))
    }

    pub fn book(&self) -> Guard<Arc<Book>> {
        self.0.load()
    }

    /// What the configuration says now; the next request is billed by it.
    pub fn set(&self, currency: Currency, own: &Layer) {
        self.0.store(Arc::new(Book::new(currency, own)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::kind::Kind;
    use crate::base::service_tier::ServiceTier;
    use crate::price::{Rate, Rates};

    fn flat(input: u64) -> Schedule {
        let mut rates = Rates::default();
        rates.set(Kind::Input, Rate::flat(input));
        Schedule::flat(Currency::USD, rates)
    }

    #[test]
    fn a_price_of_ones_own_is_over_the_built_in_one() {
        let layer = |main: u64| {
            let prices = BTreeMap::from([("main/gpt-4o".to_owned(), flat(main)), ("own/*".to_owned(), flat(3))]);
            Layer { prices, rates: Vec::new() }
        };
        let prices = Prices::new(Currency::USD, &layer(2));
        let input = |provider: &str, model: &str| {
            prices.book().find(provider, Some("openai"), model).unwrap().rate(Kind::Input, ServiceTier::Standard, 0, 0).unwrap()
        };
        assert_eq!((input("main", "gpt-4o"), input("own", "x"), input("main", "gpt-4o-mini")), (2, 3, 150_000_000));
        let before = Arc::clone(prices.book().version());
        prices.set(Currency::USD, &layer(7));
        assert_ne!(before, *prices.book().version());
        assert_eq!(input("main", "gpt-4o"), 7);
        prices.set(Currency::USD, &layer(2));
        assert_eq!(before, *prices.book().version(), "the same prices have the same name");
        assert!(prices.book().find("main", None, "gpt-4o-mini").is_none());
    }
}
