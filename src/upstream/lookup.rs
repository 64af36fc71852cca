//! Name resolution by the system's resolver. It holds a thread for as long as name servers are silent, so all who want a name
//! wait for one lookup: a name that hangs shall not take the threads that others need.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// A lookup that takes longer is not waited for by who comes later: the name server may answer again by now. The system's
/// resolver gives up after some 20 s, so a name has no more than as many lookups.
const FRESH: Duration = Duration::from_secs(1);

/// Addresses without a port, or the resolver's error.
pub(super) type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;

static RUNNING: LazyLock<Mutex<HashMap<String, Lookup>>> = LazyLock::new(Mutex::default);

#[derive(Clone)]
struct Lookup {
    begun: Instant,
    found: watch::Receiver<Option<Found>>,
}

/// Resolves a name.
pub(super) async fn lookup(host: &str) -> Found {
    let mut found = running(host);
    let ended = match found.wait_for(Option::is_some).await {
        Ok(found) => found.clone(),
        Err(_) => None,
    };
    ended.unwrap_or_else(|| Err(Arc::new(io::Error::other("the lookup was not carried out"))))
}

/// The lookup that is under way, or a new one.
fn running(host: &str) -> watch::Receiver<Option<Found>> {
    let mut running = RUNNING.lock();
    if let Some(lookup) = running.get(host).filter(|lookup| lookup.begun.elapsed() < FRESH) {
        return lookup.found.clone();
    }
    let (sender, found) = watch::channel(None);
    running.insert(host.to_owned(), Lookup { begun: Instant::now(), found: found.clone() });
    let carried_out = CarriedOut { host: host.to_owned(), sender };
    tokio::task::spawn_blocking(move || {
        let addresses = (carried_out.host.as_str(), 0).to_socket_addrs();
        carried_out.make_place();
        carried_out.sender.send_replace(Some(addresses.map(Iterator::collect).map_err(Arc::new)));
    });
    found
}

/// Makes place for the next lookup when this one is over, also where it was never begun.
struct CarriedOut {
    host: String,
    sender: watch::Sender<Option<Found>>,
}

impl CarriedOut {
    fn make_place(&self) {
        let mut running = RUNNING.lock();
        if running.get(&self.host).is_some_and(|lookup| lookup.found.same_channel(&self.sender.subscribe())) {
            running.remove(&self.host);
        }
    }
}

impl Drop for CarriedOut {
    fn drop(&mut self) {
        self.make_place();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_want_a_name_wait_for_one_lookup() {
        let (first, second) = (running("localhost"), running("localhost"));
        let other = running("127.0.0.1");
        assert!(first.same_channel(&second) && !first.same_channel(&other));
        let found = lookup("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
        // What was found is not kept: the next to ask asks anew.
        assert!(!running("localhost").same_channel(&first));
    }

    #[tokio::test]
    async fn a_name_that_is_none_is_an_error_for_all() {
        let (one, other) = tokio::join!(lookup("no such name"), lookup("no such name"));
        assert!(one.is_err() && other.is_err());
    }
}
