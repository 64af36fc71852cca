//! Taking over a new configuration: prepare (may fail, changes nothing), then commit (one pointer swap).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::live::Live;
use super::roll_back::RolledBack;
use super::settings;
use super::snapshot::Snapshot;
use crate::cache::Cache;
use crate::config::{Config, Diagnostic, hash_files};
use crate::metrics::Metrics;
use crate::price::Prices;
use crate::trace::Records;
use crate::upstream::Origins;
use crate::usage::Ledger;
use crate::vault::Vault;

/// Reads the configuration anew: the files, and what the store holds in the form of [`crate::config::load_over`].
pub type Load = Box<dyn Fn(&str) -> Result<Config, LoadFailure> + Send + Sync>;

/// What is wrong with the configuration's files, and which they are, so that a repair can be waited for.
pub struct LoadFailure {
    pub errors: Vec<String>,
    /// The same in parts, as far as they are of the files or the store.
    pub diagnostics: Vec<Diagnostic>,
    pub files: Vec<PathBuf>,
    /// A digest of the files' content.
    pub hash: String,
}

/// The running configuration and the way to change it.
pub struct Runtime {
    pub(super) snapshot: ArcSwap<Snapshot>,
    origins: Origins,
    live: Arc<Live>,
    pub metrics: Arc<Metrics>,
    /// Kept answers outlive a reload: what they depend on is part of their keys.
    pub cache: Arc<Cache>,
    /// Signed thinking, which outlives a reload too.
    pub vault: Arc<Vault>,
    /// What models cost: built in, by the configuration, and as set at run time.
    pub prices: Arc<Prices>,
    /// Where records of use go.
    pub ledger: Arc<Ledger>,
    /// What is to be exported of requests.
    pub records: Records,
    load: Load,
    /// What the store holds, in the form of a document.
    stored: Mutex<Stored>,
    pub(super) status: Mutex<ReloadStatus>,
    /// One reload at a time.
    pub(super) reloading: Mutex<()>,
}

/// What a store holds at one of its revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// See [`crate::config::load_over`].
    pub document: String,
    /// `None` without a store.
    pub revision: Option<i64>,
}

/// Why a change was not made.
pub enum ChangeError<E> {
    /// The configuration would be wrong with it.
    Invalid(LoadFailure),
    /// It could not be written.
    Write(E),
}

/// What `GET /api/v1/config/status` tells.
#[derive(Clone, Debug, Serialize)]
pub struct ReloadStatus {
    /// Whether what runs is what the files say.
    pub in_sync: bool,
    /// Counts the configurations taken over, the first being 1.
    pub generation: u64,
    /// SHA-256 of the running configuration's files.
    pub hash: String,
    /// The revision of the store that runs, where there is one.
    pub store_revision: Option<i64>,
    /// Unix seconds.
    pub last_success: u64,
    /// Unix seconds of the last attempt that failed.
    pub last_failure: Option<u64>,
    /// What is wrong with the files, with file, line and column.
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
    /// Where what runs is the configuration before, as the one after it did worse.
    pub rolled_back: Option<RolledBack>,
    /// Files that are watched.
    pub files: Vec<PathBuf>,
    /// A digest of what the watched files held when they were last read.
    #[serde(skip)]
    pub files_hash: String,
}

impl Runtime {
    /// Builds the first generation.
    pub fn new(config: Config, stored: Stored, load: Load) -> Result<Self, String> {
        let origins = Origins::default();
        let metrics = Arc::new(Metrics::default());
        let live = Arc::new(Live::new(&metrics));
        let status = ReloadStatus {
            in_sync: true,
            generation: 1,
            hash: config.hash.clone(),
            store_revision: stored.revision,
            last_success: unix_now(),
            last_failure: None,
            errors: Vec::new(),
            warnings: config.warnings.clone(),
            rolled_back: None,
            files: config.files.clone(),
            files_hash: config.hash.clone(),
        };
        metrics.config_in_sync.set(1);
        metrics.config_last_success.set(status.last_success as f64);
        let cache = Cache::new(config.cache.max_bytes, config.cache.max_entry, metrics.cache.bytes.clone());
        let vault = Vault::new(settings::vault(&config.signatures), metrics.signatures.entries.clone(), metrics.signatures.bytes.clone());
        let records = Records::new(metrics.telemetry.dropped.clone());
        let (currency, layer) = settings::prices(&config.prices);
        let prices = Arc::new(Prices::new(currency, &layer));
        let ledger = Arc::new(Ledger::new(&metrics.money));
        let snapshot = Snapshot::build(config, &origins, &live, &metrics, &prices, None)?;
        Ok(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            origins,
            live,
            metrics,
            cache: Arc::new(cache),
            vault: Arc::new(vault),
            prices,
            ledger,
            records,
            load,
            stored: Mutex::new(stored),
            status: Mutex::new(status),
            reloading: Mutex::new(()),
        })
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub fn status(&self) -> ReloadStatus {
        self.status.lock().clone()
    }

    /// Reads the files and takes the new configuration over if it is valid; otherwise nothing changes but the status.
    pub fn reload(&self) -> ReloadStatus {
        let _one_at_a_time = self.reloading.lock();
        self.read_again()
    }

    /// The same if the files are other than those that were read last: who saw them change may have been slower than somebody who
    /// asked for a reload, and what is wrong with them is told once.
    pub fn reload_changed(&self) -> Option<ReloadStatus> {
        let _one_at_a_time = self.reloading.lock();
        let status = self.status();
        (hash_files(&status.files) != status.files_hash).then(|| self.read_again())
    }

    /// While no one else does.
    fn read_again(&self) -> ReloadStatus {
        let stored = self.stored.lock().clone();
        match self.prepare(&stored.document) {
            Ok(prepared) => self.commit(prepared, stored.revision),
            Err(failure) => self.fail(failure),
        }
    }

    /// The same with what the store holds by now. It is kept even if it is not valid with the files, for the next reload.
    pub fn follow(&self, stored: Stored) -> ReloadStatus {
        *self.stored.lock() = stored;
        self.reload()
    }

    /// What the store held when it was last looked at.
    pub fn stored(&self) -> Stored {
        self.stored.lock().clone()
    }

    /// Whether a configuration with these records in the store would be taken over.
    ///
    /// # Errors
    /// What would be wrong.
    pub fn try_out(&self, document: &str) -> Result<(), LoadFailure> {
        self.prepare(document).map(drop)
    }

    /// Prepares the configuration with a changed store, has the change written, and then takes it over: what is not valid is
    /// not written, and what is not written has no effect. `write` gives the store's new revision.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub fn change<E>(&self, document: String, write: impl FnOnce() -> Result<i64, E>) -> Result<i64, ChangeError<E>> {
        let _one_at_a_time = self.reloading.lock();
        let prepared = self.prepare(&document).map_err(ChangeError::Invalid)?;
        let revision = write().map_err(ChangeError::Write)?;
        *self.stored.lock() = Stored { document, revision: Some(revision) };
        self.commit(prepared, Some(revision));
        Ok(revision)
    }

    /// The configuration that a reload would take over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn look_ahead(&self, document: &str) -> Result<Config, LoadFailure> {
        self.prepare(document).map(|(snapshot, _)| snapshot.config)
    }

    fn prepare(&self, document: &str) -> Result<(Snapshot, Vec<String>), LoadFailure> {
        let running = self.snapshot();
        let config = (self.load)(document)?;
        let (files, hash) = (config.files.clone(), config.hash.clone());
        let refused = boot_only_changes(&running.config, &config);
        let snapshot = Snapshot::build(config, &self.origins, &self.live, &self.metrics, &self.prices, Some(&running))
            .map_err(|error| LoadFailure { errors: vec![error], diagnostics: Vec::new(), files, hash })?;
        Ok((snapshot, refused))
    }

    fn commit(&self, (snapshot, refused): (Snapshot, Vec<String>), revision: Option<i64>) -> ReloadStatus {
        let mut status = self.status.lock();
        status.in_sync = refused.is_empty();
        let is_new = status.hash != snapshot.config.hash || status.store_revision != revision || !status.errors.is_empty();
        status.generation += u64::from(is_new);
        status.hash.clone_from(&snapshot.config.hash);
        status.store_revision = revision;
        status.last_success = unix_now();
        status.warnings = snapshot.config.warnings.iter().cloned().chain(refused).collect();
        status.errors.clear();
        status.rolled_back = None;
        status.files.clone_from(&snapshot.config.files);
        status.files_hash.clone_from(&snapshot.config.hash);
        self.switch(Arc::new(snapshot));
        self.metrics.config_last_success.set(status.last_success as f64);
        self.count("ok");
        tracing::info!(generation = status.generation, hash = status.hash, store = revision, "configuration taken over");
        for warning in &status.warnings {
            tracing::warn!(warning, "configuration");
        }
        self.metrics.config_in_sync.set(i64::from(status.in_sync));
        status.clone()
    }

    /// From now on this one runs.
    pub(super) fn switch(&self, snapshot: Arc<Snapshot>) {
        snapshot.commit(Instant::now());
        self.cache.resize(snapshot.config.cache.max_bytes, snapshot.config.cache.max_entry);
        let (currency, layer) = settings::prices(&snapshot.config.prices);
        self.prices.set(currency, &layer);
        self.vault.rebound(settings::vault(&snapshot.config.signatures));
        self.snapshot.store(snapshot);
    }

    fn fail(&self, failure: LoadFailure) -> ReloadStatus {
        let mut status = self.status.lock();
        status.in_sync = false;
        status.last_failure = Some(unix_now());
        status.errors = failure.errors;
        status.files = failure.files;
        status.files_hash = failure.hash;
        self.count("error");
        for error in &status.errors {
            tracing::error!(error, "configuration not taken over; the previous one stays");
        }
        self.metrics.config_in_sync.set(0);
        status.clone()
    }

    pub(super) fn count(&self, result: &str) {
        self.metrics.config_reload(result);
    }
}

/// Settings that only a restart can change, where the new file has others.
fn boot_only_changes(running: &Config, new: &Config) -> Vec<String> {
    let pairs = [
        ("listen", running.listen != new.listen),
        ("admin.listen", running.admin.listen != new.admin.listen),
        ("tls", running.tls.as_ref().map(|t| &t.cert_pem) != new.tls.as_ref().map(|t| &t.cert_pem)),
        ("store", !running.store.is_same(&new.store)),
        ("usage.store", running.usage_keep != new.usage_keep),
        ("usage.file", running.usage_file != new.usage_file),
        ("server.workers", running.server.workers != new.server.workers),
    ];
    pairs
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("`{key}` takes effect at a restart only; the running value stays"))
        .collect()
}

/// Seconds.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests;
