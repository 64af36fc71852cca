//! How much of everything.

/// `full` rounds, or a part of them; at least ten.
pub fn volume(full: usize) -> usize {
    let set = std::env::var("CHAOS_VOLUME").ok().and_then(|percent| percent.parse::<usize>().ok());
    let percent = set.unwrap_or(if cfg!(debug_assertions) { 4 } else { 100 });
    (full * percent / 100).max(full.min(10))
}

/// How many connections this process may open, beside what it has.
pub fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().map_or(usize::MAX, |limit| (limit - 200) / 2)
}
