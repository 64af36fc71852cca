//! What a model costs: by kind of use, length of the prompt, class of service and time.

use serde::Serialize;

use super::cost::per_million;
use super::money::Currency;
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;

/// The price of a million, in nano-units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    pub base: u64,
    /// What all costs once the prompt has more tokens than the first number, in rising order.
    pub above: Vec<(u64, u64)>,
}

impl Rate {
    pub fn flat(base: u64) -> Self {
        Self { base, above: Vec::new() }
    }

    fn at(&self, prompt: u64) -> u64 {
        self.above.iter().rev().find(|(start, _)| prompt > *start).map_or(self.base, |(_, price)| *price)
    }
}

/// Prices by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rates([Option<Rate>; Kind::COUNT]);

impl Rates {
    pub fn set(&mut self, kind: Kind, rate: Rate) {
        if let Some(slot) = self.0.get_mut(kind as usize) {
            *slot = Some(rate);
        }
    }

    pub fn get(&self, kind: Kind) -> Option<&Rate> {
        self.0.get(kind as usize)?.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

/// When a price holds, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum When {
    Always,
    /// From this Unix second on.
    From(u64),
    /// Every day from one minute to another, which may be that of the day after.
    Daily {
        from: u32,
        to: u32,
    },
}

impl When {
    /// Whether it holds at a Unix second.
    pub fn holds(self, at: u64) -> bool {
        match self {
            Self::Always => true,
            Self::From(start) => at >= start,
            Self::Daily { from, to } => {
                let minute = u32::try_from(at % 86_400 / 60).unwrap_or(0);
                if to < from { minute >= from || minute < to } else { (from..to).contains(&minute) }
            }
        }
    }
}

/// All prices of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    pub currency: Currency,
    /// The last one that holds counts; if none does, the first.
    pub standard: Vec<(When, Rates)>,
    /// What is different for a class of service; for each kind the first one that holds counts.
    pub tiers: Vec<(ServiceTier, When, Rates)>,
}

impl Schedule {
    pub fn flat(currency: Currency, rates: Rates) -> Self {
        Self { currency, standard: vec![(When::Always, rates)], tiers: Vec::new() }
    }

    /// The price of a million of `kind` beside a prompt of so many tokens, at a Unix second. `None` where it is not billed.
    pub fn rate(&self, kind: Kind, tier: ServiceTier, prompt: u64, at: u64) -> Option<u64> {
        self.rates(tier, at).rate(kind, prompt)
    }

    /// What holds for a class of service at a Unix second.
    pub(super) fn rates(&self, tier: ServiceTier, at: u64) -> Holding<'_> {
        let standard = self.standard.iter().rev().find(|(when, _)| when.holds(at)).or(self.standard.first());
        Holding { standard: standard.map(|(_, rates)| rates), tiers: &self.tiers, tier, at }
    }

    /// What a request is expected to cost at most, in nano-units: the whole prompt at its dearest and the longest answer.
    pub fn estimate(&self, prompt: u64, answer: u64, at: u64) -> u64 {
        let rates = self.rates(ServiceTier::Standard, at);
        let cost = |kind, count: u64| u128::from(count) * u128::from(rates.rate(kind, prompt).unwrap_or(0));
        let sum = cost(Kind::Input, prompt).saturating_add(cost(Kind::Output, answer)).saturating_add(cost(Kind::Request, 1));
        per_million(sum)
    }
}

/// The prices that hold at one time.
pub(super) struct Holding<'a> {
    standard: Option<&'a Rates>,
    tiers: &'a [(ServiceTier, When, Rates)],
    tier: ServiceTier,
    at: u64,
}

impl Holding<'_> {
    /// The price of a million of `kind` beside a prompt of so many tokens. `None` where it is not billed.
    pub(super) fn rate(&self, kind: Kind, prompt: u64) -> Option<u64> {
        let own = |kind: Kind| {
            let mut differing = self.tiers.iter().filter(|(of, when, _)| *of == self.tier && when.holds(self.at));
            let differs = differing.find_map(|(_, _, rates)| rates.get(kind));
            differs.or_else(|| self.standard.and_then(|rates| rates.get(kind)))
        };
        let mut next = Some(kind);
        while let Some(kind) = next {
            if let Some(rate) = own(kind) {
                return Some(rate.at(prompt));
            }
            next = kind.parent();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: u64) -> Rates {
        let mut rates = Rates::default();
        rates.set(Kind::Input, Rate { base: input, above: vec![(200, input * 2), (1000, input * 3)] });
        rates
    }

    #[test]
    fn the_length_of_the_prompt_decides_for_all_of_it() {
        let price = Schedule::flat(Currency::USD, rates(10));
        let at = |prompt| price.rate(Kind::CacheWrite1h, ServiceTier::Standard, prompt, 0);
        assert_eq!([at(0), at(200), at(201), at(1000), at(1001)], [Some(10), Some(10), Some(20), Some(20), Some(30)]);
        assert_eq!(price.rate(Kind::Output, ServiceTier::Standard, 0, 0), None);
    }

    #[test]
    fn the_last_price_that_holds_counts() {
        let night = When::Daily { from: 22 * 60, to: 6 * 60 };
        let price = Schedule {
            currency: Currency::USD,
            standard: vec![(When::Always, rates(10)), (night, rates(5)), (When::From(864_000), rates(7))],
            tiers: vec![(ServiceTier::Batch, When::Always, rates(1))],
        };
        let at = |hours: u64| price.rate(Kind::Input, ServiceTier::Standard, 0, hours * 3600);
        assert_eq!([at(0), at(5), at(6), at(21), at(22), at(240)], [Some(5), Some(5), Some(10), Some(10), Some(5), Some(7)]);
        assert_eq!(price.rate(Kind::CacheRead, ServiceTier::Batch, 0, 0), Some(1));
    }
}
