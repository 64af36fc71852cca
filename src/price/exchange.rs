//! Exchange rates, each from a date on.

use serde::Serialize;

use super::money::{Currency, NANO};

/// So much of `to` is one `from`, in billionths, from a Unix second on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExchangeRate {
    pub from: Currency,
    pub to: Currency,
    pub rate: u64,
    pub since: u64,
}

/// All that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    rates: Vec<ExchangeRate>,
}

impl Exchange {
    /// Of two for the same pair and time the later one in the list counts.
    pub fn new(mut rates: Vec<ExchangeRate>) -> Self {
        rates.retain(|rate| rate.rate > 0);
        rates.sort_by_key(|rate| rate.since);
        Self { rates }
    }

    /// An amount in another currency at a Unix second, half a nano-unit rounded upwards: by the pair's own rate, else by its
    /// reverse, else by way of one other currency. `None` where no rate is known yet.
    pub fn convert(&self, amount: u64, from: Currency, to: Currency, at: u64) -> Option<u64> {
        if from == to {
            return Some(amount);
        }
        if let Some(ratio) = self.ratio(from, to, at) {
            return scale(amount, &[ratio]);
        }
        let mut others = self.rates.iter().flat_map(|rate| [rate.from, rate.to]);
        others.find_map(|via| scale(amount, &[self.ratio(from, via, at)?, self.ratio(via, to, at)?]))
    }

    /// What to multiply with and to divide by.
    fn ratio(&self, from: Currency, to: Currency, at: u64) -> Option<(u64, u64)> {
        let last =
            |from, to| self.rates.iter().rev().find(|rate| rate.since <= at && (rate.from, rate.to) == (from, to)).map(|rate| rate.rate);
        last(from, to).map(|rate| (rate, NANO)).or_else(|| last(to, from).map(|rate| (NANO, rate)))
    }
}

/// Rounds once at the end, where the numbers allow it.
fn scale(amount: u64, ratios: &[(u64, u64)]) -> Option<u64> {
    let (mut over, mut under) = (u128::from(amount), 1_u128);
    for (times, by) in ratios {
        over = match over.checked_mul(u128::from(*times)) {
            Some(over) => over,
            None => (over / under).checked_mul(u128::from(*times))?,
        };
        under = under.checked_mul(u128::from(*by))?;
    }
    u64::try_from(over.checked_add(under / 2)? / under).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(text: &str) -> Currency {
        Currency::new(text).unwrap()
    }

    #[test]
    fn the_rate_of_the_day_counts_also_in_reverse_and_by_a_third_currency() {
        let rate = |from: &str, to: &str, rate: u64, since| ExchangeRate { from: currency(from), to: currency(to), rate, since };
        let exchange = Exchange::new(vec![
            rate("USD", "EUR", 800_000_000, 1000),
            rate("USD", "EUR", 900_000_000, 0),
            rate("USD", "CNY", 7_200_000_000, 0),
        ]);
        let convert = |amount, from: &str, to: &str, at| exchange.convert(amount, currency(from), currency(to), at);
        assert_eq!(convert(1000, "USD", "EUR", 999), Some(900));
        assert_eq!(convert(1000, "USD", "EUR", 1000), Some(800));
        assert_eq!(convert(900, "EUR", "USD", 0), Some(1000));
        assert_eq!(convert(7200, "CNY", "EUR", 0), Some(900));
        assert_eq!(convert(5, "GBP", "USD", 0), None);
        assert_eq!(convert(5, "GBP", "GBP", 0), Some(5));
        assert_eq!(convert(u64::MAX, "USD", "CNY", 0), None, "too large to be told");
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_to_the_rates_grain(amount in 0..1_u64 << 50, rate in NANO..NANO * 1000) {
            let (one, other) = (currency("USD"), currency("CNY"));
            let exchange = Exchange::new(vec![ExchangeRate { from: one, to: other, rate, since: 0 }]);
            let there = exchange.convert(amount, one, other, 0).unwrap();
            prop_assert_eq!(exchange.convert(there, other, one, 0), Some(amount));
        }
    }
}
