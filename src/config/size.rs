//! Sizes, parts and large numbers as people write them: `8MiB`, `20%`, `1M`.

use std::str::FromStr;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub usize);

/// A part of a whole, 0 to 1, written as `20%` or `0.2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(pub f64);

/// A number of tokens: `1000`, `1K`, `1M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u64);

const BYTES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
    ("", 1),
];
const COUNTS: &[(&str, u64)] = &[("K", 1000), ("k", 1000), ("M", 1_000_000), ("", 1)];

/// Digits and one of `units`.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, BYTES)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size: write it like `8MiB`, `512KiB` or `1000000`"))
    }
}

impl FromStr for Ratio {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
            None => text.trim().parse::<f64>(),
        };
        value
            .ok()
            .filter(|part| (0.0..=1.0).contains(part))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a part of a whole: write it like `20%` or `0.2`"))
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        scaled(text, COUNTS)
            .filter(|count| *count > 0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a number of tokens: write it like `1000`, `1K` or `1M`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [("8MiB", 8 << 20), ("512 KiB", 512 << 10), ("1MB", 1_000_000), ("4096", 4096), ("1GiB", 1 << 30), ("7B", 7)] {
            assert_eq!(text.parse::<Size>(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "MiB", "8mib", "8.5MiB", "-1", "99999999999999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn ratios() {
        for (text, part) in [("20%", 0.2), ("0.5", 0.5), ("100%", 1.0), ("0", 0.0), ("1.0", 1.0)] {
            let Ratio(read) = text.parse().unwrap();
            assert!((read - part).abs() < 1e-9, "{text}");
        }
        for text in ["", "%", "101%", "1.1", "-1%", "nan", "inf", "NaN%"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!("1M".parse::<Count>(), Ok(Count(1_000_000)));
        assert_eq!("1000".parse::<Count>(), Ok(Count(1000)));
        assert!("0".parse::<Count>().is_err());
        assert!("1G".parse::<Count>().is_err());
    }
}
