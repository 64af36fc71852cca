//! What the whole binary tells of itself: metrics, the access log, the operational log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

mod access_log;
mod alerts;
mod cardinality;
mod log_level;
mod metrics_page;

/// Admin tokens of each role that is tried.
const ADMIN: &str = "admin:\n  listen: 127.0.0.1:0\n  tokens:\n    - {name: looker, role: viewer, token: viewer-token}\n    \
                     - {name: ops, role: operator, token: operator-token}\n";
