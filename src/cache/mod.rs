//! Floor 2: answers that are kept to be given again to the very same request, and requests that wait for the answer another
//! one has asked for already. In the memory of this process only, bounded in bytes, and nothing of it knows of HTTP servers,
//! vendors or configuration: what belongs into a [`Key`] and which answers may be kept is for the proxy to say.

mod entry;
mod flight;
mod key;
mod record;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

pub use entry::Entry;
use flight::{Flights, Turn};
pub use flight::{Lead, Wait};
pub use key::Key;
pub use record::{Recorder, TooLarge};
use store::Store;

/// The memory of kept answers. Shared by all workers.
pub struct Cache {
    store: Store,
    flights: Arc<Flights>,
    max_entry: AtomicUsize,
}

/// What a request finds.
pub enum Found {
    /// A kept answer that is still good.
    Kept(Arc<Entry>),
    /// Nothing, and nobody has asked yet: this request asks, and others wait for it.
    First(Lead),
    /// Nothing yet, but the same request is under way.
    Later(Wait),
}

impl Cache {
    /// `max_bytes` bounds all that is kept, `max_entry` the body of one answer. `bytes` always tells how much is kept.
    pub fn new(max_bytes: usize, max_entry: usize, bytes: Gauge) -> Self {
        Self { store: Store::new(max_bytes, bytes), flights: Arc::default(), max_entry: AtomicUsize::new(max_entry) }
    }

    /// Takes other bounds over. What no longer fits is forgotten at once.
    pub fn resize(&self, max_bytes: usize, max_entry: usize) {
        self.max_entry.store(max_entry, Ordering::Relaxed);
        self.store.resize(max_bytes);
    }

    pub fn find(&self, key: &Key, now: Instant) -> Found {
        if let Some(entry) = self.store.get(key, now) {
            return Found::Kept(entry);
        }
        match self.flights.join(key) {
            Turn::Later(wait) => Found::Later(wait),
            // An answer is kept before its flight ends: one that landed between the two looks is there by now.
            Turn::First(lead) => match self.store.get(key, now) {
                Some(entry) => {
                    // Others may have joined this flight meanwhile.
                    lead.land(Arc::clone(&entry));
                    Found::Kept(entry)
                }
                None => Found::First(lead),
            },
        }
    }

    /// Forgets what is too old. Cheap to call often: it looks at most once a minute.
    pub fn sweep(&self, now: Instant) {
        self.store.sweep(now);
    }

    fn max_entry(&self) -> usize {
        self.max_entry.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn cache() -> Arc<Cache> {
        Arc::new(Cache::new(1 << 20, 1 << 10, Gauge::default()))
    }

    fn key(name: &str) -> Key {
        Key::of([name.as_bytes()])
    }

    fn record(cache: &Arc<Cache>, key: Key, lead: Option<Lead>) -> Recorder {
        Recorder::new(Arc::clone(cache), key, lead, TTL, HeaderMap::new(), Vec::new())
    }

    fn lead(cache: &Cache, key: &Key, now: Instant) -> Lead {
        match cache.find(key, now) {
            Found::First(lead) => lead,
            Found::Kept(_) | Found::Later(_) => panic!("not the first"),
        }
    }

    fn wait(cache: &Cache, key: &Key, now: Instant) -> Wait {
        match cache.find(key, now) {
            Found::Later(wait) => wait,
            Found::Kept(_) | Found::First(_) => panic!("nobody has asked"),
        }
    }

    #[tokio::test]
    async fn the_first_asks_and_the_others_get_its_answer() {
        let (cache, now) = (cache(), Instant::now());
        let mut recorder = record(&cache, key("a"), Some(lead(&cache, &key("a"), now)));
        let (one, two) = (wait(&cache, &key("a"), now), wait(&cache, &key("a"), now));
        recorder.push(&Bytes::from_static(b"hel")).unwrap();
        recorder.push(&Bytes::from_static(b"lo")).unwrap();
        assert!(matches!(cache.find(&key("b"), now), Found::First(_)), "another request does not wait");
        recorder.finish(now);
        for wait in [one, two] {
            assert_eq!(wait.answer().await.unwrap().body(), "hello");
        }
        assert!(matches!(cache.find(&key("a"), now), Found::Kept(entry) if entry.body() == "hello"));
        assert!(matches!(cache.find(&key("a"), now + TTL), Found::First(_)), "too old");
    }

    #[tokio::test]
    async fn without_a_whole_answer_nothing_is_kept_and_nobody_waits() {
        let (cache, now) = (cache(), Instant::now());
        // Given up before an answer began, within it, and for its size.
        for stage in 0..3 {
            let first = lead(&cache, &key("a"), now);
            let waiting = wait(&cache, &key("a"), now);
            if stage == 0 {
                drop(first);
            } else {
                let mut recorder = record(&cache, key("a"), Some(first));
                let size = if stage == 1 { 10 } else { (1 << 10) + 1 };
                assert_eq!(recorder.push(&Bytes::from(vec![b'x'; size])).is_err(), stage == 2);
                drop(recorder);
            }
            assert!(waiting.answer().await.is_none(), "stage {stage}");
        }
        assert!(matches!(cache.find(&key("a"), now), Found::First(_)));
    }

    #[test]
    fn an_answer_asked_for_alone_takes_the_place_of_the_kept_one() {
        let (cache, now) = (cache(), Instant::now());
        for text in ["old", "new"] {
            let mut recorder = record(&cache, key("a"), None);
            recorder.push(&Bytes::from_static(text.as_bytes())).unwrap();
            recorder.finish(now);
        }
        assert!(matches!(cache.find(&key("a"), now), Found::Kept(entry) if entry.body() == "new"));
    }

    #[test]
    fn other_bounds_hold_at_once() {
        let (cache, now) = (cache(), Instant::now());
        let mut recorder = record(&cache, key("a"), None);
        recorder.push(&Bytes::from_static(b"hello")).unwrap();
        recorder.finish(now);
        cache.resize(0, 4);
        assert!(matches!(cache.find(&key("a"), now), Found::First(_)));
        let pushed = record(&cache, key("a"), None).push(&Bytes::from_static(b"hello"));
        assert!(pushed.is_err(), "larger than an answer may be now");
    }
}
