//! Who measures does so alone; the others may run beside each other.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURN: RwLock<()> = RwLock::const_new(());

/// Waits until no other test runs, and keeps it so.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().await
}

/// Waits until no test measures.
pub async fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().await
}
