//! State that is found by its identity: what a limiter counts belongs to a provider, not to the configuration of the moment.
//!
//! Each configuration holds the state it uses, the registry only knows of it. So state lives as long as some configuration or
//! request uses it, and two configurations that are built or dropped at the same time never have two instances of one key.
//! Takes its lock from `base::sync` and nothing else, so that `tests/loom` can check this very file.

use std::collections::HashMap;
use std::hash::Hash;

use crate::base::sync::{Arc, Mutex, Weak};

/// Below so many keys the dead ones are left where they are.
const FEW: usize = 64;

/// Shared state by key.
#[derive(Debug)]
pub struct Keyed<K, T> {
    known: Mutex<HashMap<K, Weak<T>>>,
}

impl<K: Eq + Hash, T> Keyed<K, T> {
    pub fn new() -> Self {
        Self { known: Mutex::new(HashMap::new()) }
    }

    /// The instance of a key that is in use, or a new one. `make` runs under the registry's lock: it must not ask the registry.
    pub fn get_or_insert(&self, key: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut known = self.known.lock();
        if let Some(live) = known.get(&key).and_then(Weak::upgrade) {
            return live;
        }
        // The table is about to grow, so that going through it costs no more than that.
        if known.len() == known.capacity() && known.len() >= FEW {
            known.retain(|_, state| state.strong_count() > 0);
        }
        let new = Arc::new(make());
        known.insert(key, Arc::downgrade(&new));
        new
    }
}

impl<K: Eq + Hash, T> Default for Keyed<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_found_and_what_is_not_is_made_anew() {
        let keyed = Keyed::new();
        let first = keyed.get_or_insert("a", || 1);
        assert!(Arc::ptr_eq(&first, &keyed.get_or_insert("a", || 2)));
        assert_eq!(*keyed.get_or_insert("b", || 3), 3);
        drop(first);
        assert_eq!(*keyed.get_or_insert("a", || 4), 4);
    }

    #[test]
    fn dead_keys_do_not_pile_up() {
        let keyed = Keyed::new();
        let live: Vec<Arc<u32>> = (0..10).map(|key| keyed.get_or_insert(key, || key)).collect();
        for key in 10..100_000 {
            drop(keyed.get_or_insert(key, || key));
        }
        assert!(keyed.known.lock().len() <= 4 * FEW);
        assert!(live.iter().all(|state| Arc::ptr_eq(state, &keyed.get_or_insert(**state, || 0))));
    }
}
