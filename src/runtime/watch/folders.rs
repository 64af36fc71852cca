//! The folders of the configuration's files, and what happens in them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::time::Instant;

use super::{POLL, Shared};

/// The folders that are watched.
pub(super) struct Folders {
    /// `None` if the system has no watches left; then only the regular comparison is done.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Identity>,
}

/// Tells a folder from one that was made anew under the same name, of which an old watch would see nothing.
type Identity = (u64, u64);

impl Folders {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let mut inbox = shared.inbox.lock();
            // An error may hide anything.
            if event.is_ok_and(|event| is_idle(&event, &inbox.names)) {
                return;
            }
            inbox.pace.event(Instant::now());
            drop(inbox);
            shared.wake.notify_one();
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "cannot watch the configuration for changes; it is compared every {} s instead", POLL.as_secs());
        }
        Self { watcher: watcher.ok(), watched: BTreeMap::new() }
    }

    /// Watches the folders of these files, as they are now, and no others.
    pub(super) fn follow(&mut self, files: &[PathBuf]) {
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

/// Whether an event cannot have changed files of these names. Reading is an event too: its own must not wake the watcher; and who keeps a
/// log beside the configuration writes to it all the time.
pub(super) fn is_idle(event: &Event, names: &BTreeSet<OsString>) -> bool {
    match event.kind {
        EventKind::Access(_) => true,
        EventKind::Modify(ModifyKind::Data(_)) => !event.paths.iter().any(|path| path.file_name().is_none_or(|name| names.contains(name))),
        _ => false,
    }
}

/// Of the files, as they are named and as they are really called.
pub(super) fn names_of(files: &[PathBuf]) -> BTreeSet<OsString> {
    let real = files.iter().filter_map(|file| file.canonicalize().ok());
    real.chain(files.iter().cloned()).filter_map(|file| file.file_name().map(ToOwned::to_owned)).collect()
}

/// For each file: the folder it is named in and the one it really is in. What is not there yet appears in the nearest folder above.
pub(super) fn folders_of(files: &[PathBuf]) -> BTreeSet<PathBuf> {
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
