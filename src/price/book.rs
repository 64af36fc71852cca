//! Every price in force, and the way to change it while requests run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use serde::Serialize;

use super::catalogue;
use super::exchange::{Exchange, ExchangeRate};
use super::money::Currency;
use super::schedule::Schedule;

/// Prices and rates from one source.
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
    /// `live` is over `file`, which is over the built-in prices.
    pub fn new(currency: Currency, file: &Layer, live: &Layer) -> Self {
        let prices = file.prices.iter().chain(&live.prices).map(|(name, price)| (name.clone(), Arc::new(price.clone()))).collect();
        let rates = file.rates.iter().chain(&live.rates).copied().collect();
        Self { version: version(currency, file, live), currency, prices, exchange: Exchange::new(rates) }
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

fn version(currency: Currency, file: &Layer, live: &Layer) -> Arc<str> {
    let mut version = catalogue::version();
    if [file, live].iter().any(|layer| **layer != Layer::default()) || currency != Currency::USD {
        let text = serde_json::to_vec(&(currency, file, live)).unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
        version.push('+');
        for byte in digest.as_ref().iter().take(6) {
            let _ = write!(version, "{byte:02x}");
        }
    }
    version.into()
}

/// The book in force.
pub struct Prices {
    book: ArcSwap<Book>,
    layers: Mutex<(Currency, Layer, Layer)>,
}

impl Prices {
    pub fn new(currency: Currency, file: Layer) -> Self {
        let live = Layer::default();
        Self { book: ArcSwap::from_pointee(Book::new(currency, &file, &live)), layers: Mutex::new((currency, file, live)) }
    }

    pub fn book(&self) -> Guard<Arc<Book>> {
        self.book.load()
    }

    /// What the configuration says now. Whatever was set at run time stays over it.
    pub fn set_file(&self, currency: Currency, file: Layer) {
        let mut layers = self.layers.lock();
        (layers.0, layers.1) = (currency, file);
        self.replace(&layers);
    }

    /// Changes what is set at run time; the next request is billed by it. Returns the version that names the result.
    pub fn update_live(&self, change: impl FnOnce(&mut Layer)) -> Arc<str> {
        let mut layers = self.layers.lock();
        change(&mut layers.2);
        self.replace(&layers)
    }

    /// What is set at run time.
    pub fn live(&self) -> Layer {
        self.layers.lock().2.clone()
    }

    fn replace(&self, (currency, file, live): &(Currency, Layer, Layer)) -> Arc<str> {
        let book = Book::new(*currency, file, live);
        let version = Arc::clone(&book.version);
        self.book.store(Arc::new(book));
        version
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
    fn a_price_set_at_run_time_is_over_the_files_and_that_over_the_built_in_one() {
        let file =
            Layer { prices: BTreeMap::from([("main/gpt-4o".to_owned(), flat(2)), ("own/*".to_owned(), flat(3))]), rates: Vec::new() };
        let prices = Prices::new(Currency::USD, file);
        let input = |provider: &str, model: &str| {
            prices.book().find(provider, Some("openai"), model).unwrap().rate(Kind::Input, ServiceTier::Standard, 0, 0).unwrap()
        };
        assert_eq!((input("main", "gpt-4o"), input("own", "x"), input("main", "gpt-4o-mini")), (2, 3, 150_000_000));
        let before = Arc::clone(prices.book().version());
        let after = prices.update_live(|live| drop(live.prices.insert("main/gpt-4o".to_owned(), flat(7))));
        assert_ne!(before, after);
        assert_eq!(input("main", "gpt-4o"), 7);
        assert_eq!(prices.update_live(|live| live.prices.clear()), before, "the same prices have the same name");
        assert!(prices.book().find("main", None, "gpt-4o-mini").is_none());
    }
}
