//! The whole binary against vendors that misbehave by script, one case at a time; `tests/chaos` has what takes numbers. The names
//! R01 to R45 and the rows of bad input are those of the project's resilience catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

mod bad_bodies;
mod bad_heads;
mod cache;
mod cancel;
mod compression;
mod deadlines;
mod drain;
mod failover;
mod framing;
mod handed_over;
mod keys;
mod memory;
mod mistral;
mod model_lists;
mod pieces;
mod streams;
mod truncation;
mod vendor_answers;
mod vendor_errors;
