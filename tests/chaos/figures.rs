//! Measured times.

use std::time::Duration;

/// The time that so many percent stay below.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// Tells a figure under the name of its row.
pub fn tell(row: &str, figure: impl std::fmt::Display) {
    eprintln!("figure {row}: {figure}");
}
