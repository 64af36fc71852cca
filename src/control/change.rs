//! Planning, trying out, writing and taking over changes.

use std::sync::Arc;

use super::document::document;
use crate::kms::Keys;
use crate::runtime::{ChangeError, LoadFailure, ReloadStatus, Runtime, Stored};
use crate::seal::Sealer;
use crate::store::{Change, Kind, Note, Record, Store, StoreError};

/// Another replica may come in between; that it does so every time is unlikely.
const ATTEMPTS: usize = 8;

/// The store and what runs, kept in step.
pub struct Control {
    pub runtime: Arc<Runtime>,
    pub store: Arc<Store>,
    keys: Keys,
}

/// Who asks, for the audit trail.
#[derive(Clone, Debug, Default)]
pub struct Author {
    pub name: String,
    pub address: String,
    pub request_id: String,
}

/// The records a change is planned on.
pub struct State {
    pub revision: i64,
    pub records: Vec<Record>,
}

impl State {
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.kind == kind && record.name == name)
    }

    /// The records as they would be.
    fn after(&self, changes: &[Change]) -> Vec<Record> {
        let mut records = self.records.clone();
        for change in changes {
            let (Change::Put { kind, name, .. } | Change::Delete { kind, name }) = change;
            records.retain(|record| record.kind != *kind || record.name != *name);
            if let Change::Put { kind, name, body } = change {
                let (version, created, updated) = (self.revision + 1, 0, 0);
                records.push(Record { kind: *kind, name: name.clone(), body: body.clone(), version, created, updated });
            }
        }
        records
    }
}

/// What is to be done.
pub struct Plan<T> {
    /// Empty: nothing changes, and nothing is written.
    pub changes: Vec<Change>,
    /// What has to be valid although it will not be active.
    pub rehearsal: Vec<Change>,
    /// For the audit trail, such as `provider.update`; before and after are JSON or empty, masked.
    pub act: String,
    pub target: String,
    pub before: String,
    pub after: String,
    /// Handed back.
    pub outcome: T,
}

/// What was done.
pub struct Done<T> {
    pub revision: i64,
    pub outcome: T,
}

/// Why nothing was done. `P` is what the planning says.
pub enum Refusal<P> {
    Plan(P),
    /// The configuration would be wrong with it.
    Invalid(LoadFailure),
    Store(StoreError),
}

impl Control {
    pub fn new(runtime: Arc<Runtime>, store: Arc<Store>, keys: Keys) -> Self {
        Self { runtime, store, keys }
    }

    /// # Errors
    /// If the store cannot be read.
    pub fn state(&self) -> Result<State, StoreError> {
        self.store.records().map(|(revision, records)| State { revision, records })
    }

    /// What seals secrets; `None` if the configuration names no key.
    ///
    /// # Errors
    /// If the key cannot be used.
    pub fn sealer(&self) -> Result<Option<Sealer>, String> {
        self.runtime.snapshot().config.secrets.as_ref().map(|secrets| self.keys.sealer(secrets)).transpose()
    }

    /// Makes the change that `plan` makes of the records. `dry`: only tells whether it could be made. Blocks.
    ///
    /// # Errors
    /// Why it is not made; nothing has changed then.
    pub fn change<T, P>(&self, author: &Author, dry: bool, plan: impl Fn(&State) -> Result<Plan<T>, P>) -> Result<Done<T>, Refusal<P>> {
        for _ in 0..ATTEMPTS {
            let state = self.state().map_err(Refusal::Store)?;
            let planned = plan(&state).map_err(Refusal::Plan)?;
            if !planned.rehearsal.is_empty() {
                self.runtime.try_out(&document(&state.after(&planned.rehearsal))).map_err(Refusal::Invalid)?;
            }
            if planned.changes.is_empty() {
                return Ok(Done { revision: state.revision, outcome: planned.outcome });
            }
            let text = document(&state.after(&planned.changes));
            if dry {
                self.runtime.try_out(&text).map_err(Refusal::Invalid)?;
                return Ok(Done { revision: state.revision, outcome: planned.outcome });
            }
            let note = Note {
                actor: author.name.clone(),
                address: author.address.clone(),
                request: author.request_id.clone(),
                act: planned.act,
                target: planned.target,
                before: planned.before,
                after: planned.after,
            };
            let write = || self.store.write(state.revision, &planned.changes, &note).map(|written| written.revision);
            match self.runtime.change(text, write) {
                Ok(revision) => return Ok(Done { revision, outcome: planned.outcome }),
                Err(ChangeError::Write(StoreError::Conflict)) => {}
                Err(ChangeError::Write(error)) => return Err(Refusal::Store(error)),
                Err(ChangeError::Invalid(failure)) => return Err(Refusal::Invalid(failure)),
            }
        }
        Err(Refusal::Store(StoreError::Conflict))
    }

    /// Notes what is about to be done elsewhere. Blocks.
    ///
    /// # Errors
    /// If it cannot be noted; then it must not be done.
    pub fn note(&self, author: &Author, act: &str, target: &str, after: &str) -> Result<(), StoreError> {
        let (actor, address, request) = (author.name.clone(), author.address.clone(), author.request_id.clone());
        let note = Note {
            actor,
            address,
            request,
            act: act.to_owned(),
            target: target.to_owned(),
            before: String::new(),
            after: after.to_owned(),
        };
        self.store.note(&note).map(drop)
    }

    /// Takes over what other replicas have changed. `None` if there is nothing new, or the store cannot be reached. Blocks.
    pub fn follow(&self) -> Option<ReloadStatus> {
        let state = self.state().ok()?;
        if self.runtime.stored().revision.is_some_and(|running| running >= state.revision) {
            return None;
        }
        Some(self.runtime.follow(Stored { document: document(&state.records), revision: Some(state.revision) }))
    }
}
