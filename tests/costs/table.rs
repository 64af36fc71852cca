//! Vendors' answers with usage of every form, the kinds of use they have to come to, and what that costs by a given price.
//! `tests/fixtures/usage/table.json` has them; prices are for a million, in units.

use std::collections::BTreeMap;

use llm_sidecar::base::kind::Kind;
use llm_sidecar::base::service_tier::ServiceTier;
use llm_sidecar::chat::DialectId;
use llm_sidecar::dialect::dialect;
use llm_sidecar::price::{Currency, Rate, Rates, Schedule, When, parse_nano};
use llm_sidecar::usage::counts;
use serde::Deserialize;

pub type Prices = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub name: String,
    pub dialect: String,
    pub body: serde_json::Value,
    pub price: Prices,
    #[serde(default)]
    pub above: BTreeMap<String, Prices>,
    #[serde(default)]
    pub tiers: BTreeMap<ServiceTier, Prices>,
    /// Tokens; kinds that are left out have none.
    pub kinds: BTreeMap<String, u64>,
    pub tier: ServiceTier,
    pub nano: u64,
}

pub fn rows() -> Vec<Row> {
    let rows: Vec<Row> = serde_json::from_str(include_str!("../fixtures/usage/table.json")).unwrap();
    assert!(rows.len() > 20);
    rows
}

fn kind(name: &str) -> Kind {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or_else(|| panic!("no kind `{name}`"))
}

fn rates(prices: &Prices) -> Rates {
    let mut rates = Rates::default();
    prices.iter().for_each(|(name, price)| rates.set(kind(name), Rate::flat(parse_nano(price).unwrap())));
    rates
}

fn schedule(row: &Row) -> Schedule {
    let mut standard = rates(&row.price);
    for (name, price) in &row.price {
        let above = row.above.iter().filter_map(|(tokens, prices)| Some((tokens.parse().unwrap(), parse_nano(prices.get(name)?).unwrap())));
        standard.set(kind(name), Rate { base: parse_nano(price).unwrap(), above: above.collect() });
    }
    let tiers = row.tiers.iter().map(|(tier, prices)| (*tier, When::Always, rates(prices)));
    Schedule { tiers: tiers.collect(), ..Schedule::flat(Currency::USD, standard) }
}

#[test]
fn every_vendors_usage_comes_to_its_kinds_and_its_cost() {
    for row in rows() {
        let id = DialectId::ALL.into_iter().find(|id| id.as_str() == row.dialect).unwrap();
        let usage = dialect(id).read_response(row.body.to_string().as_bytes()).unwrap().usage.unwrap();
        assert_eq!(usage.tier, row.tier, "{}", row.name);
        let counts = counts(&usage);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Request) {
            let expected = row.kinds.get(kind.as_str()).copied().unwrap_or(0);
            assert_eq!(counts.get(kind), expected, "{}: {}", row.name, kind.as_str());
        }
        let cost = schedule(&row).cost(&counts, usage.tier, 0);
        assert_eq!(cost.total, row.nano, "{}", row.name);
        assert_eq!(Kind::ALL.into_iter().map(|kind| cost.of(kind)).sum::<u64>(), cost.total, "{}", row.name);
    }
}
