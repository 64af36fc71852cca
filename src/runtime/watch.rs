//! Notices that the configuration's files have changed.
//!
//! Folders are watched, not files: an editor replaces a file by renaming, and the kubelet swaps a symbolic link (`..data`) beside it, after
//! which a watch on the file itself would be silent. What happened in a folder does not matter, but for writing to files of other names
//! (a log, a database); after some quiet the files' content is compared with what it was. Because some file systems report nothing at
//! all, that is done every now and then in any case.
//!
//! All of it runs on a thread of its own: reading files would hold up a worker.

mod folders;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::hash_files;
use folders::{Folders, names_of};

/// A save is often several events; it is over when there were none for this long.
const QUIET: Duration = Duration::from_millis(200);
/// A folder where something happens all the time must not put the check off for ever.
const PATIENCE: Duration = Duration::from_secs(2);
/// For file systems that report no events.
const POLL: Duration = Duration::from_secs(15);

/// The watching thread. It ends when this is dropped.
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

/// What the thread has to know at its next step.
struct Inbox {
    pace: Pace,
    files: Option<Known>,
    /// The names of the files that are watched.
    names: BTreeSet<OsString>,
    stop: bool,
}

/// Files and what [`hash_files`] said of them when they were last looked at.
struct Known {
    files: Vec<PathBuf>,
    hash: String,
}

impl Watch {
    /// Watches `files`, which had `hash` when they were read. The receiver gets one message for one or more changes; whoever reads the
    /// files again then calls [`Watch::set_files`].
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(files: Vec<PathBuf>, hash: String) -> io::Result<(Self, mpsc::Receiver<()>)> {
        // One message waiting says as much as many.
        let (changed, changes) = mpsc::channel(1);
        let inbox = Inbox { pace: Pace::new(Instant::now()), files: Some(Known { files, hash }), names: BTreeSet::new(), stop: false };
        let shared = Arc::new(Shared { inbox: Mutex::new(inbox), wake: Condvar::new() });
        let thread = Thread {
            shared: Arc::clone(&shared),
            folders: Folders::new(&shared),
            known: Known { files: Vec::new(), hash: String::new() },
            changed,
        };
        std::thread::Builder::new().name("config-watch".into()).spawn(move || thread.run())?;
        Ok((Self { shared }, changes))
    }

    /// From now on watches these files, which had `hash` when they were read. If they have changed since, that is noticed.
    pub fn set_files(&self, files: Vec<PathBuf>, hash: String) {
        self.shared.inbox.lock().files = Some(Known { files, hash });
        self.shared.wake.notify_one();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.inbox.lock().stop = true;
        self.shared.wake.notify_one();
    }
}

struct Thread {
    shared: Arc<Shared>,
    folders: Folders,
    known: Known,
    changed: mpsc::Sender<()>,
}

impl Thread {
    fn run(mut self) {
        while self.wait() {
            // Watches and names come first: what changes after the comparison is then an event.
            self.folders.follow(&self.known.files);
            self.shared.inbox.lock().names = names_of(&self.known.files);
            let hash = hash_files(&self.known.files);
            if hash != self.known.hash {
                self.known.hash = hash;
                // Full: the receiver is to look again anyway. Closed: nobody wants to know.
                let _ = self.changed.try_send(());
            }
        }
    }

    /// Until it is time to compare. False if the thread is to end.
    fn wait(&mut self) -> bool {
        let mut inbox = self.shared.inbox.lock();
        loop {
            if inbox.stop {
                return false;
            }
            let now = Instant::now();
            if let Some(known) = inbox.files.take() {
                self.known = known;
                inbox.pace.compared(now);
                return true;
            }
            let due = inbox.pace.due();
            if due <= now {
                inbox.pace.compared(now);
                return true;
            }
            self.shared.wake.wait_until(&mut inbox, due.into_std());
        }
    }
}

/// When to compare: after some quiet, but not too late, and now and then without a reason.
#[derive(Debug)]
struct Pace {
    compared: Instant,
    /// The first and the last event since.
    events: Option<(Instant, Instant)>,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { compared: now, events: None }
    }

    fn event(&mut self, now: Instant) {
        let first = self.events.map_or(now, |(first, _)| first);
        self.events = Some((first, now));
    }

    fn due(&self) -> Instant {
        let poll = self.compared + POLL;
        match self.events {
            Some((first, last)) => poll.min(last + QUIET).min(first + PATIENCE),
            None => poll,
        }
    }

    fn compared(&mut self, now: Instant) {
        *self = Self::new(now);
    }
}

#[cfg(test)]
mod tests;
