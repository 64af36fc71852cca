//! How the requests of one configuration ended.

use std::sync::atomic::{AtomicU64, Ordering};

use super::rollout::Counts;

/// Counts the requests that began with a snapshot, wherever they are counted besides.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    pub fn count(&self, has_failed: bool) {
        self.failed.fetch_add(u64::from(has_failed), Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> Counts {
        Counts { requests: self.requests.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) }
    }
}
