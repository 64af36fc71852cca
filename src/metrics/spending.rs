//! One target's handles of money, resolved when they are first needed.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;

use super::histogram::Histogram;
use super::labels::Labels;
use super::money::{MoneyCounter, MoneyMetrics};

/// There is seldom more than one currency.
type ByCurrency<H> = Mutex<Vec<(String, H)>>;

/// The handles of one (provider, model).
pub struct Spending {
    provider: String,
    model: String,
    families: MoneyMetrics,
    cost: ByCurrency<(MoneyCounter, Arc<Histogram>)>,
    reported: ByCurrency<MoneyCounter>,
    /// Prompt and completion, by the sidecar and by the vendor.
    compared: [Counter; 4],
}

impl Spending {
    pub fn new(families: &MoneyMetrics, provider: &str, model: &str) -> Self {
        let compared = |kind: &str, by: &str| {
            let labels = Labels::of([("provider", provider), ("model", model), ("type", kind), ("by", by)]);
            families.compared.get_or_create_owned(&labels)
        };
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            families: families.clone(),
            cost: Mutex::default(),
            reported: Mutex::default(),
            compared: [
                compared("prompt", "sidecar"),
                compared("prompt", "vendor"),
                compared("completion", "sidecar"),
                compared("completion", "vendor"),
            ],
        }
    }

    /// An attempt cost so many nano-units.
    pub fn cost(&self, currency: &str, nano: u64) {
        let resolve = || {
            let labels = self.labels("currency", currency);
            (self.families.cost.get_or_create_owned(&labels), self.families.call.get_or_create(&labels))
        };
        with(&self.cost, currency, resolve, |(sum, single)| {
            sum.inner().add(nano);
            single.observe(nano as f64 / 1e9, None);
        });
    }

    /// The same in the currency that is reported in.
    pub fn reported(&self, currency: &str, nano: u64) {
        let resolve = || self.families.reported.get_or_create_owned(&self.labels("currency", currency));
        with(&self.reported, currency, resolve, |sum| sum.inner().add(nano));
    }

    /// It is not known what an attempt cost.
    pub fn unknown(&self, reason: &str) {
        self.families.unknown.get_or_create(&self.labels("reason", reason)).inc();
    }

    /// The sidecar's estimate and the vendor's count, of one answer; 0 where there is nothing to compare.
    pub fn compare(&self, prompt: (u64, u64), completion: (u64, u64)) {
        let [own_prompt, vendor_prompt, own_completion, vendor_completion] = &self.compared;
        for (counter, count) in
            [(own_prompt, prompt.0), (vendor_prompt, prompt.1), (own_completion, completion.0), (vendor_completion, completion.1)]
        {
            counter.inc_by(count);
        }
    }

    fn labels(&self, last: &'static str, value: &str) -> Labels {
        Labels::of([("provider", &self.provider), ("model", &self.model), (last, value)])
    }
}

/// Does something with the handles of a currency, which are resolved when they are first needed.
fn with<H>(known: &ByCurrency<H>, currency: &str, resolve: impl FnOnce() -> H, work: impl FnOnce(&H)) {
    let mut known = known.lock();
    if let Some((_, handles)) = known.iter().find(|(of, _)| of == currency) {
        return work(handles);
    }
    let handles = resolve();
    work(&handles);
    known.push((currency.to_owned(), handles));
}
