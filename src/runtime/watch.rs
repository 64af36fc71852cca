//! Notices that the configuration's files have changed.
//!
//! Folders are watched, not files: an editor replaces a file by renaming, and the kubelet swaps a symbolic link (`..data`) beside it, after
//! which a watch on the file itself would be silent. What happened in a folder does not matter; after some quiet the files' content is
//! compared with what it was. Because some file systems report nothing at all, that is done every now and then in any case.
//!
//! All of it runs on a thread of its own: reading files would hold up a worker.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::config::hash_files;

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
        let inbox = Inbox { pace: Pace::new(Instant::now()), files: Some(Known { files, hash }), stop: false };
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
            // Watches come first: what changes after the comparison is then an event.
            self.folders.follow(&self.known.files);
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

/// The folders that are watched.
struct Folders {
    /// `None` if the system has no watches left; then only the regular comparison is done.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Identity>,
}

/// Tells a folder from one that was made anew under the same name, of which an old watch would see nothing.
type Identity = (u64, u64);

impl Folders {
    fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event too: its own reading must not wake the watcher. An error may hide anything.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                shared.inbox.lock().pace.event(Instant::now());
                shared.wake.notify_one();
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "cannot watch the configuration for changes; it is compared every {} s instead", POLL.as_secs());
        }
        Self { watcher: watcher.ok(), watched: BTreeMap::new() }
    }

    /// Watches the folders of these files, as they are now, and no others.
    fn follow(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeMap<PathBuf, Identity> =
            folders_of(files).into_iter().filter_map(|folder| Some((folder.clone(), identity(&folder)?))).collect();
        self.watched.retain(|folder, seen| {
            let keep = wanted.get(folder) == Some(seen);
            if !keep {
                // It fails if the folder is gone, and the watch with it.
                let _ = watcher.unwatch(folder);
            }
            keep
        });
        for (folder, identity) in wanted {
            if let Entry::Vacant(entry) = self.watched.entry(folder) {
                match watcher.watch(entry.key(), RecursiveMode::NonRecursive) {
                    Ok(()) => _ = entry.insert(identity),
                    Err(error) => tracing::debug!(%error, folder = %entry.key().display(), "cannot watch a folder"),
                }
            }
        }
    }
}

/// For each file: the folder it is named in and the one it really is in. What is not there yet appears in the nearest folder above.
fn folders_of(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for file in files {
        let named = if file.is_dir() { file.as_path() } else { parent(file) };
        folders.insert(nearest(named));
        if let Ok(real) = file.canonicalize() {
            folders.insert(if real.is_dir() { real } else { parent(&real).to_owned() });
        }
    }
    folders
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn nearest(folder: &Path) -> PathBuf {
    let mut folder = folder;
    while !folder.is_dir() && folder != Path::new(".") && folder.parent().is_some() {
        folder = parent(folder);
    }
    folder.to_owned()
}

#[cfg(unix)]
fn identity(folder: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(folder: &Path) -> Option<Identity> {
    fs::metadata(folder).ok().map(|_| (0, 0))
}

#[cfg(test)]
mod tests;
