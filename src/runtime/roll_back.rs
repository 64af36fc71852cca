//! Going back to the configuration before.

use std::sync::Arc;

use serde::Serialize;

use super::reload::{ReloadStatus, Runtime, unix_now};
use super::rollout::Worse;
use super::snapshot::Snapshot;

/// What `GET /api/v1/config/status` tells while the configuration before runs again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RolledBack {
    /// Unix seconds.
    pub at: u64,
    /// Which one did worse.
    pub generation: u64,
    /// Parts of the requests that failed, from 0 to 1: with the one that runs again, and with the one that did worse.
    pub error_rate_before: f64,
    pub error_rate_after: f64,
}

impl Runtime {
    /// Takes an earlier configuration over again in the place of `judged`. Files and store stay as they are; the next reload or
    /// change takes them up. `None` if something else runs by now. `revision` is the store's, when `earlier` was taken over.
    pub fn roll_back(&self, judged: &Arc<Snapshot>, earlier: &Arc<Snapshot>, revision: Option<i64>, worse: Worse) -> Option<ReloadStatus> {
        let _one_at_a_time = self.reloading.lock();
        if !Arc::ptr_eq(judged, &self.snapshot()) {
            return None;
        }
        let mut status = self.status.lock();
        let rolled_back =
            RolledBack { at: unix_now(), generation: status.generation, error_rate_before: worse.before, error_rate_after: worse.after };
        let told = format!(
            "generation {} was taken back: {:.1} % of its requests failed, {:.1} % before it",
            rolled_back.generation,
            worse.after * 100.0,
            worse.before * 100.0
        );
        tracing::error!(error = told, "configuration rolled back; the one before runs again");
        status.in_sync = false;
        status.generation += 1;
        status.hash.clone_from(&earlier.config.hash);
        status.store_revision = revision;
        status.last_failure = Some(rolled_back.at);
        status.errors = vec![told];
        status.warnings.clone_from(&earlier.config.warnings);
        status.rolled_back = Some(rolled_back);
        self.switch(Arc::clone(earlier));
        self.count("rolled_back");
        self.metrics.config_in_sync.set(0);
        Some(status.clone())
    }
}
