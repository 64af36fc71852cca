//! Times as people write them: `30s`, `100ms`, `1h30m`, and ranges of them: `5s..60s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Longest first, so that `ms` is not read as `m`.
const UNITS: &[(&str, u64)] = &[("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
/// Longer than anything a proxy waits for; keeps sums of times far from overflow.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// A time with its unit, down to milliseconds. Zero is allowed here; who needs more checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// From a shortest to a longest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub min: Duration,
    pub max: Duration,
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.parse::<f64>().is_ok() {
            return Err(format!("`{text}` has no unit: write `{text}s` for seconds, `{text}ms` for milliseconds"));
        }
        let wrong = || format!("`{text}` is not a time: write it like `500ms`, `30s`, `10m`, `1h30m` or `1d`");
        let (mut rest, mut total, mut last_unit) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, after) = rest.split_at(digits);
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let (name, unit) = UNITS.iter().find(|(name, _)| after.starts_with(name)).ok_or_else(wrong)?;
            if *unit >= last_unit {
                return Err(wrong());
            }
            total = number
                .checked_mul(*unit)
                .and_then(|part| total.checked_add(part))
                .filter(|&sum| sum <= LONGEST_MS)
                .ok_or_else(|| format!("`{text}` is longer than a year"))?;
            last_unit = *unit;
            rest = after.strip_prefix(name).ok_or_else(wrong)?;
        }
        if last_unit == u64::MAX {
            return Err(wrong());
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if left >= unit {
                write!(f, "{}{name}", left / unit)?;
                left %= unit;
            }
        }
        Ok(())
    }
}

impl FromStr for TimeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((min, max)) = text.split_once("..") else {
            return Err(format!("`{text}` is not a range of times: write it like `100ms..2s`"));
        };
        let (Time(min), Time(max)) = (min.parse()?, max.parse()?);
        if min > max {
            return Err(format!("the range `{text}` begins after its end"));
        }
        Ok(Self { min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, ms) in
            [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("1h30m", 5_400_000), ("1d", 86_400_000), ("0s", 0), ("1m5ms", 60_005)]
        {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.0, Duration::from_millis(ms), "{text}");
            assert_eq!(time.to_string().parse::<Time>().unwrap(), time, "{text}");
        }
        for text in ["", "s", "30x", "30 s", "-5s", "1.5s", "30s30s", "5s1m", "99999999999999999999s", "400d", "30sec"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
        assert!("30".parse::<Time>().unwrap_err().contains("`30s`"));
    }

    #[test]
    fn ranges() {
        let range: TimeRange = "100ms..2s".parse().unwrap();
        assert_eq!((range.min, range.max), (Duration::from_millis(100), Duration::from_secs(2)));
        for text in ["5s", "5s..", "..5s", "60s..5s", "5..60s"] {
            assert!(text.parse::<TimeRange>().is_err(), "{text}");
        }
    }
}
