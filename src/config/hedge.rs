//! When a second attempt begins beside a slow first one, as people write it: `p95`, or a time.

use std::str::FromStr;
use std::time::Duration;

use super::duration::Time;

/// How long the first content is waited for before a request is hedged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// The 95th percentile of the target's own times to the first token.
    P95,
    Time(Duration),
}

impl FromStr for HedgeAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "p95" {
            return Ok(Self::P95);
        }
        match text.parse::<Time>() {
            Ok(Time(time)) if time.is_zero() => Err("a hedge after 0 s would ask two targets each time".into()),
            Ok(Time(time)) => Ok(Self::Time(time)),
            Err(_) => Err(format!("`{text}` is neither `p95` nor a time like `800ms`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_or_a_time() {
        assert_eq!("p95".parse(), Ok(HedgeAfter::P95));
        assert_eq!("800ms".parse(), Ok(HedgeAfter::Time(Duration::from_millis(800))));
        for text in ["", "p99", "5", "0s", "soon"] {
            assert!(text.parse::<HedgeAfter>().is_err(), "{text}");
        }
    }
}
