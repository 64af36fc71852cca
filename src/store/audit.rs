//! The audit trail: what was done through the admin API, by whom, in a chain of hashes that shows every later edit.

use serde::Serialize;

use super::sql::{Row, StoreError, column};

/// What is about to be done. Whoever makes it masks the secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The name of the admin token.
    pub actor: String,
    pub address: String,
    pub request: String,
    /// Such as `provider.update`.
    pub act: String,
    /// What it is done to.
    pub target: String,
    /// JSON, or empty.
    pub before: String,
    pub after: String,
}

/// A note in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// From 1 without gaps.
    pub seq: i64,
    /// Unix milliseconds.
    pub at: i64,
    pub actor: String,
    pub address: String,
    pub request_id: String,
    pub action: String,
    pub target: String,
    pub before: String,
    pub after: String,
    /// SHA-256 in hex over the hash of the entry before and everything above.
    pub hash: String,
}

/// What the first entry follows.
pub(super) const BEGINNING: &str = "";

impl Entry {
    pub(super) const COLUMNS: &'static str = "seq, happened, actor, address, request, act, target, old_value, new_value, hash";

    pub(super) fn new(note: &Note, seq: i64, at: i64, previous: &str) -> Self {
        let mut entry = Self {
            seq,
            at,
            actor: note.actor.clone(),
            address: note.address.clone(),
            request_id: note.request.clone(),
            action: note.act.clone(),
            target: note.target.clone(),
            before: note.before.clone(),
            after: note.after.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest(previous);
        entry
    }

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: column(row, 0)?.integer()?,
            at: column(row, 1)?.integer()?,
            actor: column(row, 2)?.text()?,
            address: column(row, 3)?.text()?,
            request_id: column(row, 4)?.text()?,
            action: column(row, 5)?.text()?,
            target: column(row, 6)?.text()?,
            before: column(row, 7)?.text()?,
            after: column(row, 8)?.text()?,
            hash: column(row, 9)?.text()?,
        })
    }

    fn digest(&self, previous: &str) -> String {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let parts =
            [previous, &seq, &at, &self.actor, &self.address, &self.request_id, &self.action, &self.target, &self.before, &self.after];
        for part in parts {
            // Lengths keep the border between two fields from being moved.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The end of a chain without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: i64,
    /// The last entry's hash. Kept elsewhere, it shows later that nothing was cut off.
    pub head: String,
}

/// Follows the chain from its beginning.
///
/// # Errors
/// The number of the first entry that is not what was written, or is missing.
pub fn verify(entries: impl IntoIterator<Item = Entry>) -> Result<Verified, i64> {
    let mut end = Verified { entries: 0, head: BEGINNING.to_owned() };
    for entry in entries {
        let expected = end.entries + 1;
        if entry.seq != expected || entry.digest(&end.head) != entry.hash {
            return Err(expected);
        }
        end = Verified { entries: expected, head: entry.hash };
    }
    Ok(end)
}
