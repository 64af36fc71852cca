//! What a worker thread's requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::access_log::AccessLog;
use super::mirror::Mirrored;
use crate::runtime::Runtime;
use crate::upstream::{Pool, Turn};

/// One worker thread: its upstream connections, and what all workers share.
pub struct Worker {
    pub runtime: Arc<Runtime>,
    pub pool: Pool,
    /// Of its event loop.
    pub turn: Arc<Turn>,
    pub access_log: Arc<AccessLog>,
    pub drain: Arc<Drain>,
    /// Copies of requests under way.
    pub mirrored: Mirrored,
}

/// How far a shutdown has come. Shared by all workers.
#[derive(Default)]
pub struct Drain {
    phase: AtomicU8,
    abort: tokio::sync::Notify,
}

const DRAINING: u8 = 1;
const ABORTED: u8 = 2;

impl Drain {
    /// New requests are no longer wanted: readiness turns off and connections close after their answer.
    pub fn begin(&self) {
        self.phase.fetch_max(DRAINING, Ordering::Relaxed);
    }

    /// Time is up: open streams end with an error.
    pub fn abort(&self) {
        self.phase.fetch_max(ABORTED, Ordering::Relaxed);
        self.abort.notify_waiters();
    }

    pub fn is_draining(&self) -> bool {
        self.phase.load(Ordering::Relaxed) >= DRAINING
    }

    pub fn is_aborted(&self) -> bool {
        self.phase.load(Ordering::Relaxed) >= ABORTED
    }

    /// Ends when open streams have to end.
    pub async fn aborted(&self) {
        let notified = self.abort.notified();
        if !self.is_aborted() {
            notified.await;
        }
    }
}
