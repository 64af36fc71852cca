//! What tests of the whole binary stand on: the sidecar as a child process ([`sidecar`]), a vendor that does what a script
//! says ([`upstream`]), a client that sees every byte ([`client`]), and what has to hold whatever happens ([`invariants`]). Tests wait for states, never for time to pass.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

pub mod chat;
pub mod client;
pub mod invariants;
pub mod sidecar;
pub mod upstream;

use std::future::Future;
use std::time::Duration;

/// Nothing in a test takes longer unless something hangs.
pub const LIMIT: Duration = Duration::from_secs(15);

/// Waits for `future`; a test that hangs says what it was waiting for.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}
