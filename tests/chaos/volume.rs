//! How much of everything.

/// `full` rounds, or a part of them; at least ten.
pub fn volume(full: usize) -> usize {
    let set = std::env::var("CHAOS_VOLUME").ok().and_then(|percent| percent.parse::<usize>().ok());
    let percent = set.unwrap_or(if cfg!(debug_assertions) { 4 } else { 100 });
    (full * percent / 100).max(full.min(10))
}
