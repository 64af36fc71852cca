//! What is kept in memory for a while, bounded in number and in bytes: the least recently used goes first. Each thing has its
//! own time to live, and is told its time by whoever asks.

use std::hash::Hash;
use std::time::Duration;

use hashlink::LruCache;
use tokio::time::Instant;

/// Between two searches for what is too old.
const SWEEP: Duration = Duration::from_secs(60);

/// Things by key.
pub struct Bounded<K: Eq + Hash, V> {
    kept: LruCache<K, Kept<V>>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
    next_sweep: Option<Instant>,
}

struct Kept<V> {
    value: V,
    bytes: usize,
    expires: Instant,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { kept: LruCache::new_unbounded(), bytes: 0, max_entries, max_bytes, next_sweep: None }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What all of it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value of a key. One that is too old is forgotten.
    pub fn get(&mut self, key: &K, now: Instant) -> Option<&V> {
        if self.kept.peek(key)?.expires <= now {
            self.remove(key);
            return None;
        }
        self.kept.get(key).map(|kept| &kept.value)
    }

    /// Keeps a value in place of the one of the same key. One that is larger than everything together may be is not kept.
    pub fn put(&mut self, key: K, value: V, bytes: usize, expires: Instant) {
        self.remove(&key);
        if bytes <= self.max_bytes {
            self.bytes += bytes;
            self.kept.insert(key, Kept { value, bytes, expires });
        }
        self.settle();
    }

    /// Lets a value live until `expires`, if it would not live as long.
    pub fn extend(&mut self, key: &K, expires: Instant) {
        if let Some(kept) = self.kept.get_mut(key) {
            kept.expires = kept.expires.max(expires);
        }
    }

    /// Takes other bounds over. What no longer fits is forgotten at once.
    pub fn resize(&mut self, max_entries: usize, max_bytes: usize) {
        (self.max_entries, self.max_bytes) = (max_entries, max_bytes);
        self.settle();
    }

    /// Forgets what is too old. Cheap to call often: it looks at most once a minute.
    pub fn sweep(&mut self, now: Instant) {
        if *self.next_sweep.get_or_insert(now + SWEEP) > now {
            return;
        }
        self.next_sweep = Some(now + SWEEP);
        let mut left = 0;
        self.kept.retain(|_, kept| {
            let good = now < kept.expires;
            left += if good { kept.bytes } else { 0 };
            good
        });
        self.bytes = left;
    }

    fn remove(&mut self, key: &K) {
        if let Some(kept) = self.kept.remove(key) {
            self.bytes -= kept.bytes;
        }
    }

    fn settle(&mut self) {
        while self.bytes > self.max_bytes || self.kept.len() > self.max_entries {
            let Some((_, kept)) = self.kept.remove_lru() else { break };
            self.bytes -= kept.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn kept(bounded: &mut Bounded<usize, usize>, keys: std::ops::Range<usize>, now: Instant) -> Vec<usize> {
        let bytes: usize = bounded.kept.iter().map(|(_, kept)| kept.bytes).sum();
        assert_eq!(bounded.bytes(), bytes);
        keys.filter(|key| bounded.get(key, now).is_some()).collect()
    }

    #[test]
    fn the_least_recently_used_go_when_it_is_full() {
        let now = Instant::now();
        let mut bounded = Bounded::new(100, 300);
        (0..3).for_each(|key| bounded.put(key, key, 100, now + TTL));
        assert_eq!(bounded.get(&0, now), Some(&0));
        bounded.put(3, 3, 100, now + TTL);
        assert_eq!(kept(&mut bounded, 0..4, now), [0, 2, 3]);
        bounded.resize(2, 300);
        assert_eq!(kept(&mut bounded, 0..4, now), [2, 3], "no more in number either");
        bounded.put(4, 4, 1, now + TTL);
        assert_eq!(kept(&mut bounded, 0..5, now), [3, 4]);
    }

    #[test]
    fn the_bounds_hold_for_sizes_of_any_kind() {
        let now = Instant::now();
        let mut bounded = Bounded::new(50, 100_000);
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5_000 {
            bounded.put(random.usize(0..500), 0, random.usize(0..20_000), now + TTL);
            assert!(bounded.bytes() <= 100_000 && bounded.len() <= 50);
        }
        assert!(bounded.bytes() > 50_000);
        // Too large for all of it; the older value of the same key is no longer right either.
        bounded.put(1, 1, 10, now + TTL);
        bounded.put(1, 2, 100_001, now + TTL);
        assert!(bounded.get(&1, now).is_none());
        bounded.resize(50, 30_000);
        assert!((1..=30_000).contains(&bounded.bytes()));
        bounded.resize(0, 30_000);
        assert_eq!((bounded.bytes(), bounded.is_empty()), (0, true));
    }

    #[test]
    fn a_value_is_good_until_its_time_is_over() {
        let now = Instant::now();
        let mut bounded = Bounded::new(10, 1000);
        (0..2).for_each(|key| bounded.put(key, key, 10, now + TTL));
        bounded.extend(&1, now + TTL * 2);
        bounded.extend(&1, now + TTL / 2);
        let almost = now + TTL - Duration::from_millis(1);
        assert_eq!(kept(&mut bounded, 0..2, almost), [0, 1]);
        assert_eq!(kept(&mut bounded, 0..2, now + TTL), [1]);
        assert_eq!(bounded.bytes(), 10);
    }

    #[test]
    fn a_sweep_forgets_what_nobody_asks_for_any_more() {
        let now = Instant::now();
        let mut bounded = Bounded::new(10, 1000);
        bounded.put(1, 1, 10, now + TTL / 2);
        bounded.put(2, 2, 10, now + TTL * 2);
        bounded.sweep(now);
        bounded.sweep(now + SWEEP - Duration::from_millis(1));
        assert_eq!(bounded.bytes(), 20, "not yet time to look");
        bounded.sweep(now + SWEEP);
        assert_eq!(kept(&mut bounded, 0..3, now + SWEEP), [2]);
    }
}
