//! Single flight (Go's `singleflight` is the model): of the same requests at the same time one asks, and the others wait for
//! its answer. Whatever becomes of the one that asks, the others do not wait for ever: when it is dropped without an answer,
//! each goes on by itself.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::entry::Entry;
use super::key::Key;

/// The requests under way that others may wait for.
#[derive(Default)]
pub(super) struct Flights {
    open: Mutex<HashMap<Key, watch::Receiver<Option<Arc<Entry>>>>>,
}

pub(super) enum Turn {
    First(Lead),
    Later(Wait),
}

/// Held by the request that asks. Dropped without [`Lead::land`], it frees those who wait.
pub struct Lead {
    key: Key,
    flights: Arc<Flights>,
    answer: watch::Sender<Option<Arc<Entry>>>,
}

/// Held by a request that waits.
pub struct Wait(watch::Receiver<Option<Arc<Entry>>>);

impl Flights {
    pub(super) fn join(self: &Arc<Self>, key: &Key) -> Turn {
        match self.open.lock().entry(*key) {
            hash_map::Entry::Occupied(flight) => Turn::Later(Wait(flight.get().clone())),
            hash_map::Entry::Vacant(place) => {
                let (answer, waiting) = watch::channel(None);
                place.insert(waiting);
                Turn::First(Lead { key: *key, flights: Arc::clone(self), answer })
            }
        }
    }
}

impl Lead {
    /// Gives the answer to those who wait.
    pub(super) fn land(self, entry: Arc<Entry>) {
        self.answer.send_replace(Some(entry));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.open.lock().remove(&self.key);
    }
}

impl Wait {
    /// The answer, or `None` when there is none to be shared.
    pub async fn answer(mut self) -> Option<Arc<Entry>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tokio::time::Instant;

    use super::*;

    fn lead(flights: &Arc<Flights>, key: &Key) -> Lead {
        let Turn::First(lead) = flights.join(key) else { panic!("not the first") };
        lead
    }

    fn wait(flights: &Arc<Flights>, key: &Key) -> Wait {
        let Turn::Later(wait) = flights.join(key) else { panic!("nobody is on the way") };
        wait
    }

    #[tokio::test]
    async fn an_answer_reaches_those_who_look_late_too() {
        let (flights, key) = (Arc::<Flights>::default(), Key::of([&b"a"[..]]));
        let first = lead(&flights, &key);
        let (early, late) = (wait(&flights, &key), wait(&flights, &key));
        let early = tokio::spawn(early.answer());
        tokio::task::yield_now().await;
        first.land(Arc::new(Entry::new(HeaderMap::new(), Vec::new(), &["hello".into()], Instant::now())));
        assert_eq!(early.await.unwrap().unwrap().body(), "hello");
        assert_eq!(late.answer().await.unwrap().body(), "hello");
        assert!(flights.open.lock().is_empty());
    }

    #[tokio::test]
    async fn a_panic_of_the_one_that_asks_frees_the_others() {
        let (flights, key) = (Arc::<Flights>::default(), Key::of([&b"a"[..]]));
        let first = lead(&flights, &key);
        let waiting = wait(&flights, &key);
        let asking = tokio::spawn(async move {
            let _held = first;
            panic!("on purpose");
        });
        assert!(asking.await.is_err());
        assert!(waiting.answer().await.is_none());
        // The next one is a first one again.
        drop(lead(&flights, &key));
        assert!(flights.open.lock().is_empty());
    }
}
