//! What a client's HTTP/1 connection is doing, so that its idle and slow times can be bounded: the server's I/O looks, the
//! requests on it say.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Waiting for a request, reading its head, or serving it; and since when. Used from one thread only.
pub struct ClientConnection {
    born: Instant,
    phase: AtomicU8,
    since_millis: AtomicU64,
    /// Requests on it are the sidecar's own and need no client's key.
    is_internal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Head,
    Serving,
}

impl Default for ClientConnection {
    fn default() -> Self {
        Self { born: Instant::now(), phase: AtomicU8::new(Phase::Idle as u8), since_millis: AtomicU64::new(0), is_internal: false }
    }
}

impl ClientConnection {
    /// A connection inside this process, by which the sidecar asks itself.
    pub fn internal() -> Self {
        Self { is_internal: true, ..Self::default() }
    }

    pub(super) fn is_internal(&self) -> bool {
        self.is_internal
    }

    /// It is now `now`.
    pub fn enter(&self, phase: Phase, now: Instant) {
        let since = u64::try_from((now - self.born).as_millis()).unwrap_or(u64::MAX);
        self.since_millis.store(since, Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub fn phase(&self) -> (Phase, Instant) {
        let phase = match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Serving,
        };
        (phase, self.born + Duration::from_millis(self.since_millis.load(Ordering::Relaxed)))
    }
}
