//! From counts and prices to a cost.

use super::counts::Counts;
use super::money::Currency;
use super::schedule::Schedule;
use crate::base::kind::Kind;
use crate::base::service_tier::ServiceTier;

/// Prices are for so many.
const MILLION: u64 = 1_000_000;

/// What an answer cost, in nano-units of the currency. The kinds add up to the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub currency: Currency,
    pub total: u64,
    kinds: [u64; Kind::COUNT],
}

impl Cost {
    pub fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(kind as usize).copied().unwrap_or_default()
    }
}

impl Schedule {
    /// The total is rounded once, half a nano-unit upwards; each kind gets what it adds to the rounded sum.
    pub fn cost(&self, counts: &Counts, tier: ServiceTier, at: u64) -> Cost {
        let (prompt, rates) = (counts.prompt(), self.rates(tier, at));
        let mut cost = Cost { currency: self.currency, total: 0, kinds: [0; Kind::COUNT] };
        let mut exact: u128 = 0;
        for (kind, slot) in Kind::ALL.into_iter().zip(&mut cost.kinds) {
            let count = counts.get(kind);
            if count == 0 {
                continue;
            }
            let rate = rates.rate(kind, prompt).unwrap_or(0);
            exact = exact.saturating_add(u128::from(count) * u128::from(rate));
            let rounded = per_million(exact);
            *slot = rounded - cost.total;
            cost.total = rounded;
        }
        cost
    }
}

/// Of counts times prices of a million, rounded to the nearest nano-unit, half a one upwards.
pub(super) fn per_million(exact: u128) -> u64 {
    let number = exact.saturating_add(u128::from(MILLION / 2));
    // Nearly all fit in 64 bits, which divide much faster.
    match u64::try_from(number) {
        Ok(number) => number / MILLION,
        Err(_) => u64::try_from(number / u128::from(MILLION)).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::price::schedule::{Rate, Rates};

    #[test]
    fn kinds_without_a_price_of_their_own_take_that_above_them() {
        let mut rates = Rates::default();
        rates.set(Kind::Input, Rate::flat(2_500_000_000));
        rates.set(Kind::CacheRead, Rate::flat(37_500_000));
        rates.set(Kind::Output, Rate::flat(10_000_000_000));
        let mut counts = Counts::default();
        for (kind, count) in [(Kind::Input, 3), (Kind::CacheRead, 3), (Kind::CacheWrite1h, 1), (Kind::Output, 2), (Kind::Reasoning, 1)] {
            counts.set(kind, count);
        }
        let cost = Schedule::flat(Currency::USD, rates).cost(&counts, ServiceTier::Standard, 0);
        assert_eq!(cost.of(Kind::Input), 7500);
        assert_eq!(cost.of(Kind::CacheRead), 113, "112.5 is rounded upwards");
        assert_eq!(cost.of(Kind::CacheWrite1h), 2500);
        assert_eq!(cost.of(Kind::Output) + cost.of(Kind::Reasoning), 30_000);
        assert_eq!(cost.total, 40_113);
    }

    proptest! {
        #[test]
        fn the_kinds_add_up_and_the_total_is_exact_to_half_a_nano(numbers in proptest::array::uniform11((0..u64::from(u32::MAX), 0..1_u64 << 40))) {
            let (mut counts, mut rates, mut exact) = (Counts::default(), Rates::default(), 0_u128);
            for (kind, (count, rate)) in Kind::ALL.into_iter().zip(numbers) {
                counts.set(kind, count);
                rates.set(kind, Rate::flat(rate));
                exact += u128::from(count) * u128::from(rate);
            }
            let cost = Schedule::flat(Currency::USD, rates).cost(&counts, ServiceTier::Standard, 0);
            prop_assert_eq!(Kind::ALL.into_iter().map(|kind| u128::from(cost.of(kind))).sum::<u128>(), u128::from(cost.total));
            let (told, half) = (u128::from(cost.total) * u128::from(MILLION), u128::from(MILLION / 2));
            prop_assert!(told <= exact + half && exact < told + half + 1);
        }

        #[test]
        fn the_largest_numbers_saturate(count: u64, rate: u64) {
            let mut rates = Rates::default();
            rates.set(Kind::Input, Rate::flat(rate));
            let mut counts = Counts::default();
            for kind in Kind::ALL {
                counts.set(kind, count);
            }
            let _ = Schedule::flat(Currency::USD, rates).cost(&counts, ServiceTier::Standard, u64::MAX);
        }
    }
}
