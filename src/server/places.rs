//! Places for clients' connections: as many as `server.max_connections` says, shared by all workers. Who finds none waits for
//! a connection to end, so a full house costs no processor time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// How often one who waits looks whether the limit has been raised.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Descriptors kept for listeners, logs, files that are read anew and the admin listener.
const RESERVE: usize = 64;
/// The least that is served, however few descriptors there are.
const LEAST: usize = 16;

/// Counts the connections that are open.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: AtomicUsize,
    freed: Notify,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    /// A place, if fewer than `most` are taken.
    pub(super) fn try_take(self: &Arc<Self>, most: usize) -> Option<Place> {
        let more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(Arc::clone(self)))
    }

    /// Waits for a place; `most` may change meanwhile.
    pub(super) async fn take(self: &Arc<Self>, most: impl Fn() -> usize) -> Place {
        loop {
            // The freed place of one who left before this wait is kept for it by `notify_one`.
            let freed = self.freed.notified();
            if let Some(place) = self.try_take(most()) {
                // Several may have been freed for this one wake.
                self.freed.notify_one();
                return place;
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, freed).await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_one();
    }
}

/// The connections that `descriptors` allow: half of them, less a reserve, because each may need one to an upstream.
pub(super) fn default_limit(descriptors: usize) -> usize {
    (descriptors.saturating_sub(RESERVE) / 2).max(LEAST)
}

/// The soft limit of open files from `/proc/self/limits`.
pub(super) fn descriptors(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_less_a_reserve() {
        assert_eq!(default_limit(256), 96);
        assert_eq!(default_limit(1024), 480);
        assert_eq!(default_limit(20), LEAST);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             95000                95000                processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(descriptors(limits), Some(1024));
        assert_eq!(descriptors(&limits.replace("1024 ", "unlimited ")), None);
    }

    #[tokio::test]
    async fn who_finds_no_place_gets_the_next_one_that_is_freed() {
        let places = Arc::new(Places::default());
        let first = places.try_take(2).unwrap();
        let second = places.try_take(2).unwrap();
        assert!(places.try_take(2).is_none());
        let waiting = Arc::clone(&places);
        let waiting = tokio::spawn(async move { waiting.take(|| 2).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        let third = waiting.await.unwrap();
        assert!(places.try_take(2).is_none());
        drop((second, third));
        assert_eq!(places.taken.load(Ordering::Relaxed), 0);
    }
}
