//! What answers cost: by a table of vendors' bodies, and with the whole binary, whose header, log, metrics and records have to
//! agree to a billionth.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

mod agree;
mod budgets;
mod restart;
mod table;
mod whole;
