//! Counting requests for the configuration they began with, where its successor is to be compared with it.

use std::sync::Arc;

use super::Meter;
use crate::base::outcome::Outcome;
use crate::chat::{ApiError, Fault};
use crate::runtime::Snapshot;

impl Meter {
    /// The request lives and dies with this configuration.
    pub(in crate::proxy) fn count_for(&mut self, snapshot: &Snapshot) {
        if snapshot.config.rollout.is_some() && !self.is_internal() {
            self.tally = Some(Arc::clone(&snapshot.tally));
        }
    }

    /// What a client has done wrong itself tells nothing of the configuration.
    pub(super) fn count_failure(&mut self, error: &ApiError) {
        if error.fault == Fault::Client {
            self.tally = None;
        }
    }

    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(tally) = self.tally.as_ref().filter(|_| outcome != Outcome::Cancelled) {
            tally.count(outcome != Outcome::Complete);
        }
    }
}
