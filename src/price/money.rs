//! Amounts of money and their currencies.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::base::decimals::decimals;

/// Nano-units in a unit of a currency.
pub const NANO: u64 = 1_000_000_000;

/// Three upper-case letters, as ISO 4217 has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Self = Self(*b"USD");

    pub fn new(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The letters in ASCII.
    pub fn as_bytes(&self) -> &[u8; 3] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Nano-units, written as a decimal number of units without needless zeros: `0.0000125`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nano(pub u64);

impl fmt::Display for Nano {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / NANO, self.0 % NANO);
        f.write_str(itoa::Buffer::new().format(whole))?;
        if part > 0 {
            f.write_str(".")?;
            f.write_str(std::str::from_utf8(decimals(part, &mut [0; 9])).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// A decimal number of units, exactly; `None` where it is none, is finer than a nano-unit or too large.
pub fn parse_nano(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 9 || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let part = format!("{part:0<9}").parse::<u64>().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(NANO)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, nano) in [("0", 0), ("2.5", 2_500_000_000), ("0.000000001", 1), ("18446744073.709551615", u64::MAX), ("10", 10 * NANO)] {
            assert_eq!(parse_nano(text), Some(nano), "{text}");
            assert_eq!(Nano(nano).to_string(), text);
        }
        for text in ["", ".5", "-1", "1e3", "0.0000000001", "18446744073.709551616", "1,5", "+1"] {
            assert_eq!(parse_nano(text), None, "{text}");
        }
        assert_eq!(Currency::new("EUR").unwrap().to_string(), "EUR");
        assert!(Currency::new("eur").is_none() && Currency::new("EURO").is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(nano: u64) {
            prop_assert_eq!(parse_nano(&Nano(nano).to_string()), Some(nano));
        }
    }
}
