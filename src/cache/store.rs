//! The entries, bounded by the memory they take.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::entry::Entry;
use super::key::Key;
use crate::base::bounded::Bounded;

pub(super) struct Store(Mutex<Inner>);

struct Inner {
    entries: Bounded<Key, Arc<Entry>>,
    /// Set under the lock, so that it is never behind.
    gauge: Gauge,
}

impl Store {
    pub(super) fn new(max_bytes: usize, gauge: Gauge) -> Self {
        Self(Mutex::new(Inner { entries: Bounded::new(usize::MAX, max_bytes), gauge }))
    }

    /// The entry of a key. One that is too old is forgotten.
    pub(super) fn get(&self, key: &Key, now: Instant) -> Option<Arc<Entry>> {
        self.with(|entries| entries.get(key, now).cloned())
    }

    /// Keeps an entry in place of the one of the same key. One that is larger than everything together may be is not kept.
    pub(super) fn put(&self, key: Key, entry: Arc<Entry>) {
        let (bytes, expires) = (entry.size(), entry.expires());
        self.with(|entries| entries.put(key, entry, bytes, expires));
    }

    pub(super) fn resize(&self, max_bytes: usize) {
        self.with(|entries| entries.resize(usize::MAX, max_bytes));
    }

    /// Forgets the entries that are too old, once in a while.
    pub(super) fn sweep(&self, now: Instant) {
        self.with(|entries| entries.sweep(now));
    }

    fn with<T>(&self, change: impl FnOnce(&mut Bounded<Key, Arc<Entry>>) -> T) -> T {
        let mut inner = self.0.lock();
        let result = change(&mut inner.entries);
        inner.gauge.set(i64::try_from(inner.entries.bytes()).unwrap_or(i64::MAX));
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    #[test]
    fn the_gauge_tells_what_is_kept() {
        let (now, gauge) = (Instant::now(), Gauge::default());
        let entry =
            |size| Arc::new(Entry::new(HeaderMap::new(), Vec::new(), &[Bytes::from(vec![b'x'; size])], now + Duration::from_secs(60)));
        let key = |number: u8| Key::of([&[number][..]]);
        let each = i64::try_from(entry(100).size()).unwrap();
        let store = Store::new(3 * entry(100).size(), gauge.clone());
        for (number, kept) in [(0, 1), (1, 2), (1, 2), (2, 3), (3, 3)] {
            store.put(key(number), entry(100));
            assert_eq!(gauge.get(), kept * each);
        }
        assert!(store.get(&key(0), now).is_none() && store.get(&key(3), now).is_some());
        assert!(store.get(&key(3), now + Duration::from_secs(60)).is_none());
        assert_eq!(gauge.get(), 2 * each);
        store.sweep(now);
        store.sweep(now + Duration::from_secs(60));
        assert_eq!(gauge.get(), 0);
    }
}
