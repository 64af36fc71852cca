//! Floor 5: what the admin API keeps: records (providers, models, clients), what was observed of them, and the audit trail; and
//! what requests used. In an embedded SQLite or in PostgreSQL; both are asked with the same SQL.
//!
//! A change and its audit entry are one transaction, so there is no effect without an entry. Every change counts the *revision* up:
//! who has prepared something for one revision finds out at the write whether another one has come in between.
//!
//! Everything here blocks; call it on a thread that may wait.

mod audit;
mod database;
mod postgres;
mod record;
mod schema;
mod spent;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
mod usage;
mod watch;

pub use audit::{Entry, Note, Verified, verify};
pub use database::{Change, Store, Written};
pub use record::{Kind, Observation, Record};
pub use spent::Spent;
pub use sql::StoreError;
pub use usage::{Sums, UsageFilter, UsageGroup, UsageRow, UsageSink};
