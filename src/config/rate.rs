//! How much over time, as people write it: `10/s`, `600/min`, `200000/min`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: &[(&str, u64)] = &[("s", 1), ("min", 60), ("h", 3600), ("d", 86_400), ("sec", 1), ("m", 60), ("hour", 3600), ("day", 86_400)];

/// So many in so long; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub amount: u64,
    pub per: Duration,
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a rate: write it like `10/s`, `600/min` or `5000/h`");
        let (amount, unit) = text.split_once('/').ok_or_else(wrong)?;
        let amount: u64 = amount.trim().replace('_', "").parse().map_err(|_| wrong())?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
        if amount == 0 {
            return Err("a rate of 0 would let nothing through; leave the limit out, or the provider".into());
        }
        Ok(Self { amount, per: Duration::from_secs(*seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == self.per.as_secs()).map_or("s", |(name, _)| name);
        write!(f, "{}/{unit}", self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, amount, per) in
            [("10/s", 10, 1), ("600/min", 600, 60), ("200_000/min", 200_000, 60), ("5/h", 5, 3600), ("7 / d", 7, 86_400)]
        {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate, Rate { amount, per: Duration::from_secs(per) }, "{text}");
            assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate, "{text}");
        }
        for text in ["", "10", "/s", "10/", "10/x", "0/s", "-1/s", "1.5/s", "10/s/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
