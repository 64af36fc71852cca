//! Faults in numbers: every row of the project's resilience catalogue (R01 to R45) that takes many rounds, much traffic, or a
//! machine that is set up for it. After each test the invariants of [`support::invariants`] are checked.
//!
//! The volumes are those of a build without debug assertions; with them (`cargo test`) they are a small part of it.
//! `CHAOS_VOLUME`, in percent, overrides both. Figures are printed: `make test-chaos` shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::float_cmp, reason = "counters and states are whole numbers")]
#![allow(clippy::print_stderr, reason = "figures are told")]

#[path = "../support/mod.rs"]
mod support;

mod ask;
mod cancel;
mod checks;
mod clock;
mod costs;
mod deadlines;
mod descriptors;
mod dns;
mod failover;
mod figures;
mod guards;
mod leaks;
mod overload;
mod pieces;
mod plan;
mod reload;
mod slow_readers;
mod slowloris;
mod stale;
mod truncation;
mod turn;
mod volume;
