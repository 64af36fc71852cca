//! Hearing of changes that other replicas make.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;

use super::database::{Source, Store};
use super::postgres::{CHANNEL, Place};

/// Without news for so long the database is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Called when there may be something new, or (`false`) when the database has gone.
pub type Heard = Arc<dyn Fn(bool) + Send + Sync>;

impl Store {
    /// Calls `heard` after each change of another replica, and when the database has come back. Only PostgreSQL has others;
    /// `None` where nothing has to be waited for. The thread ends with the process, or soon after `stop` is set.
    pub fn watch(&self, stop: Arc<AtomicBool>, heard: Heard) -> std::io::Result<Option<JoinHandle<()>>> {
        let Source::Postgres(place) = self.source() else { return Ok(None) };
        let place = (**place).clone();
        let thread = std::thread::Builder::new().name("store-watch".into());
        thread.spawn(move || run(&place, &stop, &heard)).map(Some)
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own")]
fn run(place: &Place, stop: &AtomicBool, heard: &Heard) {
    let mut pause = FIRST_PAUSE;
    while !stop.load(Ordering::Relaxed) {
        if let Ok(mut client) = place.connect()
            && client.batch_execute(&format!("LISTEN {CHANNEL}")).is_ok()
        {
            pause = FIRST_PAUSE;
            // What was missed before the first notification.
            heard(true);
            while !stop.load(Ordering::Relaxed) {
                let mut notifications = client.notifications();
                let next = notifications.timeout_iter(QUIET).next();
                drop(notifications);
                match next {
                    Ok(Some(_)) => heard(true),
                    Ok(None) if client.is_valid(QUIET).is_ok() => {}
                    Ok(None) | Err(_) => break,
                }
            }
        }
        heard(false);
        std::thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
