//! The built-in prices of the models that the configuration names, in the form of a price of the configuration.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::view::Shown;
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;
use crate::price::{Nano, Rates, Schedule, catalogue_price};
use crate::runtime::{Snapshot, unix_now};

/// By `provider/model`.
pub(super) fn all(snapshot: &Snapshot) -> BTreeMap<String, Shown> {
    let priced = snapshot.providers.iter().filter_map(|entry| Some((entry, entry.provider.vendor.prices.as_deref()?)));
    let models = priced.flat_map(|(entry, section)| entry.named().map(move |model| (&*entry.provider.name, section, model)));
    let found = models.filter_map(|(provider, section, model)| {
        let config = config(&catalogue_price(section, model)?, unix_now());
        let status = json!({"source": "built_in", "declared_at": null});
        let name = format!("{provider}/{model}");
        let body = json!({"name": name, "config": config, "is_active": true, "status": status});
        Some((name, Shown { body, tag: "\"b\"".to_owned() }))
    });
    found.collect()
}

/// As the file would say it, at a Unix second. What holds at other hours only is left out.
fn config(price: &Schedule, at: u64) -> Map<String, Value> {
    let mut config = Map::from_iter([("currency".to_owned(), price.currency.as_str().into()), ("per".to_owned(), "1M".into())]);
    let mut above: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    let standard = price.standard.iter().rev().find(|(when, _)| when.holds(at)).or(price.standard.first());
    if let Some((_, rates)) = standard {
        config.extend(written(rates));
        for (kind, rate) in Kind::ALL.into_iter().filter_map(|kind| Some((kind, rates.get(kind)?))) {
            for (start, price) in &rate.above {
                above.entry(*start).or_default().insert(kind.as_str().into(), amount(*price));
            }
        }
    }
    if !above.is_empty() {
        config.insert("above".into(), above.into_iter().map(|(start, rates)| (start.to_string(), Value::from(rates))).collect());
    }
    let mut tiers: BTreeMap<ServiceTier, Map<String, Value>> = BTreeMap::new();
    for (tier, _, rates) in price.tiers.iter().filter(|(_, when, _)| when.holds(at)) {
        for (name, value) in written(rates) {
            tiers.entry(*tier).or_default().entry(name).or_insert(value);
        }
    }
    if !tiers.is_empty() {
        config.insert("tiers".into(), tiers.into_iter().map(|(tier, rates)| (tier.as_str().to_owned(), Value::from(rates))).collect());
    }
    config
}

fn written(rates: &Rates) -> impl Iterator<Item = (String, Value)> {
    Kind::ALL.into_iter().filter_map(|kind| Some((kind.as_str().to_owned(), amount(rates.get(kind)?.base))))
}

fn amount(nano: u64) -> Value {
    Nano(nano).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Currency, Rate, When};

    #[test]
    fn a_price_is_told_as_the_file_would_say_it() {
        let mut rates = Rates::default();
        rates.set(Kind::Input, Rate { base: 1_250_000_000, above: vec![(200_000, 2_500_000_000)] });
        rates.set(Kind::Output, Rate::flat(10_000_000_000));
        let mut batch = Rates::default();
        batch.set(Kind::Input, Rate::flat(625_000_000));
        let mut price = Schedule::flat(Currency::USD, rates);
        price.tiers = vec![(ServiceTier::Batch, When::Always, batch)];
        let expected = json!({"currency": "USD", "per": "1M", "input": "1.25", "output": "10", "above": {"200000": {"input": "2.5"}},
            "tiers": {"batch": {"input": "0.625"}}});
        assert_eq!(Value::from(config(&price, 0)), expected);
    }
}
