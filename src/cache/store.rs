//! The entries, bounded by the memory they take: the least recently used go first. Each has its own time to live.

use std::sync::Arc;
use std::time::Duration;

use hashlink::LruCache;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::entry::Entry;
use super::key::Key;

/// Between two searches for entries that are too old.
const SWEEP: Duration = Duration::from_secs(60);

pub(super) struct Store(Mutex<Inner>);

struct Inner {
    entries: LruCache<Key, Arc<Entry>>,
    bytes: usize,
    max_bytes: usize,
    /// Set under the lock, so that it is never behind.
    gauge: Gauge,
    next_sweep: Option<Instant>,
}

impl Store {
    pub(super) fn new(max_bytes: usize, gauge: Gauge) -> Self {
        Self(Mutex::new(Inner { entries: LruCache::new_unbounded(), bytes: 0, max_bytes, gauge, next_sweep: None }))
    }

    /// The entry of a key. One that is too old is forgotten.
    pub(super) fn get(&self, key: &Key, now: Instant) -> Option<Arc<Entry>> {
        let mut inner = self.0.lock();
        let entry = inner.entries.get(key)?;
        if entry.is_good(now) {
            return Some(Arc::clone(entry));
        }
        inner.remove(key);
        inner.settle();
        None
    }

    /// Keeps an entry in place of the one of the same key. One that is larger than everything together may be is not kept.
    pub(super) fn put(&self, key: Key, entry: Arc<Entry>) {
        let mut inner = self.0.lock();
        inner.remove(&key);
        if entry.size() <= inner.max_bytes {
            inner.bytes += entry.size();
            inner.entries.insert(key, entry);
        }
        inner.settle();
    }

    pub(super) fn resize(&self, max_bytes: usize) {
        let mut inner = self.0.lock();
        inner.max_bytes = max_bytes;
        inner.settle();
    }

    /// Forgets the entries that are too old, once in a while.
    pub(super) fn sweep(&self, now: Instant) {
        let mut inner = self.0.lock();
        if *inner.next_sweep.get_or_insert(now + SWEEP) > now {
            return;
        }
        inner.next_sweep = Some(now + SWEEP);
        let mut left = 0;
        inner.entries.retain(|_, entry| {
            let good = entry.is_good(now);
            left += if good { entry.size() } else { 0 };
            good
        });
        inner.bytes = left;
        inner.settle();
    }
}

impl Inner {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.size();
        }
    }

    /// Keeps to the bound, and says how much there is.
    fn settle(&mut self) {
        while self.bytes > self.max_bytes {
            let Some((_, entry)) = self.entries.remove_lru() else { break };
            self.bytes -= entry.size();
        }
        self.gauge.set(i64::try_from(self.bytes).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn key(number: usize) -> Key {
        Key::of([&number.to_le_bytes()[..]])
    }

    fn entry(size: usize, expires: Instant) -> Arc<Entry> {
        Arc::new(Entry::new(HeaderMap::new(), Vec::new(), &[Bytes::from(vec![b'x'; size])], expires))
    }

    fn bytes(store: &Store) -> usize {
        let inner = store.0.lock();
        let sum: usize = inner.entries.iter().map(|(_, entry)| entry.size()).sum();
        assert_eq!((inner.bytes, inner.gauge.get()), (sum, i64::try_from(sum).unwrap()));
        sum
    }

    #[test]
    fn the_least_recently_used_go_when_it_is_full() {
        let now = Instant::now();
        let each = entry(100, now).size();
        let store = Store::new(3 * each, Gauge::default());
        (0..3).for_each(|number| store.put(key(number), entry(100, now + TTL)));
        assert!(store.get(&key(0), now).is_some());
        store.put(key(3), entry(100, now + TTL));
        let kept: Vec<bool> = (0..4).map(|number| store.get(&key(number), now).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
        assert_eq!(bytes(&store), 3 * each);
    }

    #[test]
    fn the_bound_holds_for_entries_of_any_size() {
        let now = Instant::now();
        let store = Store::new(100_000, Gauge::default());
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5_000 {
            store.put(key(random.usize(0..500)), entry(random.usize(0..20_000), now + TTL));
            assert!(bytes(&store) <= 100_000);
        }
        assert!(bytes(&store) > 50_000);
        // Too large for all of it; the older answer to the same request is no longer right either.
        store.put(key(1), entry(10, now + TTL));
        store.put(key(1), entry(100_000, now + TTL));
        assert!(store.get(&key(1), now).is_none());
        assert!(bytes(&store) > 0);
        store.resize(30_000);
        assert!((1..=30_000).contains(&bytes(&store)));
        store.resize(0);
        assert_eq!(bytes(&store), 0);
    }

    #[test]
    fn an_entry_is_good_until_its_time_is_over() {
        let now = Instant::now();
        let store = Store::new(1 << 20, Gauge::default());
        store.put(key(1), entry(10, now + TTL));
        assert!(store.get(&key(1), now + TTL - Duration::from_millis(1)).is_some());
        assert!(store.get(&key(1), now + TTL).is_none());
        assert_eq!(bytes(&store), 0);
    }

    #[test]
    fn a_sweep_forgets_what_nobody_asks_for_any_more() {
        let now = Instant::now();
        let store = Store::new(1 << 20, Gauge::default());
        store.put(key(1), entry(10, now + TTL / 2));
        store.put(key(2), entry(10, now + TTL * 2));
        store.sweep(now);
        let both = bytes(&store);
        store.sweep(now + SWEEP - Duration::from_millis(1));
        assert_eq!(bytes(&store), both, "not yet time to look");
        store.sweep(now + SWEEP);
        assert_eq!(bytes(&store), both / 2);
        assert!(store.get(&key(2), now + SWEEP).is_some());
    }
}
