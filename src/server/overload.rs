//! Turning requests away before they cost anything, when there are too many of them (`server.max_requests`) or memory runs out
//! (`server.max_memory`). The idea of two steps, first closing connections and then refusing requests, and their figures are those
//! of Envoy's overload manager. What is measured is measured beside the requests: they look at atomics only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::memory::{Memory, Usage};
use crate::chat::{ApiError, ErrorKind, Fault};
use crate::config;

/// Between two measurements.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// From here on connections close after their answer, in thousandths of the memory.
const CLOSE_AT: usize = 920;
/// From here on requests are turned away.
const SHED_AT: usize = 950;
/// So many requests are let in whatever the memory: what an allocator keeps for later shall not lock everybody out for ever.
const ALWAYS: i64 = 4;
/// How long those turned away should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Requests,
    Memory,
}

impl Reason {
    /// The metric's label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Memory => "memory",
        }
    }

    pub(super) fn error(self) -> ApiError {
        let message = match self {
            Self::Requests => "the sidecar has as many requests under way as it may (server.max_requests)",
            Self::Memory => "the sidecar is short of memory (server.max_memory)",
        };
        let error = ApiError::new(503, ErrorKind::Overloaded, Fault::Sidecar, "overloaded", message);
        ApiError { retry_after: Some(RETRY_AFTER), ..error }
    }
}

/// The load as all workers see it.
#[derive(Debug)]
pub(super) struct Overload {
    max_requests: AtomicUsize,
    /// Requests that were let in and are not over, where there is a limit.
    admitted: AtomicUsize,
    /// The part of the memory that is in use, in thousandths.
    memory: AtomicUsize,
}

impl Default for Overload {
    fn default() -> Self {
        Self { max_requests: AtomicUsize::new(usize::MAX), admitted: AtomicUsize::default(), memory: AtomicUsize::default() }
    }
}

/// A request that was let in; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Admission(Option<Arc<Overload>>);

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(overload) = &self.0 {
            overload.admitted.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Overload {
    /// Lets a request in or not. `active` is how many are under way already.
    pub(super) fn admit(self: &Arc<Self>, active: i64) -> Result<Admission, Reason> {
        if self.memory.load(Ordering::Relaxed) >= SHED_AT && active >= ALWAYS {
            return Err(Reason::Memory);
        }
        let most = self.max_requests.load(Ordering::Relaxed);
        if most == usize::MAX {
            return Ok(Admission(None));
        }
        let more = |admitted| (admitted < most).then_some(admitted + 1);
        match self.admitted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Admission(Some(Arc::clone(self)))),
            Err(_) => Err(Reason::Requests),
        }
    }

    /// Whether connections have to close after their answer.
    pub(super) fn is_high(&self) -> bool {
        self.memory.load(Ordering::Relaxed) >= CLOSE_AT
    }

    /// Measures, and takes over the limits in force.
    pub(super) fn measure(&self, memory: &Memory, server: &config::Server) {
        self.max_requests.store(server.max_requests.unwrap_or(usize::MAX), Ordering::Relaxed);
        self.set_memory(memory.usage(server.max_memory));
    }

    fn set_memory(&self, usage: Option<Usage>) {
        let part = usage.map_or(0, |usage| usage.used.saturating_mul(1000) / usage.limit.max(1));
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let before = self.memory.swap(part, Ordering::Relaxed);
        if part >= SHED_AT && before < SHED_AT {
            tracing::warn!(?usage, "memory runs out; new requests are turned away");
        } else if part < CLOSE_AT && before >= CLOSE_AT {
            tracing::info!(?usage, "there is memory again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_and_no_more() {
        let overload = Arc::new(Overload::default());
        let server = config::Server { max_requests: Some(2), max_memory: Some(1 << 40), ..config::Server::default() };
        overload.measure(&Memory::find(), &server);
        let first = overload.admit(0).unwrap();
        let _second = overload.admit(1).unwrap();
        assert_eq!(overload.admit(2).unwrap_err(), Reason::Requests);
        drop(first);
        let _third = overload.admit(1).unwrap();
        assert_eq!(overload.admit(2).unwrap_err(), Reason::Requests);
        overload.measure(&Memory::find(), &config::Server { max_requests: None, ..server });
        assert!(overload.admit(2).is_ok());
    }

    #[test]
    fn memory_first_closes_connections_then_sheds_and_lets_a_few_in_always() {
        let overload = Arc::new(Overload::default());
        let at = |used| {
            overload.set_memory(Some(Usage { used, limit: 1000 }));
            (overload.is_high(), overload.admit(100).is_ok(), overload.admit(0).is_ok())
        };
        assert_eq!(at(919), (false, true, true));
        assert_eq!(at(920), (true, true, true));
        assert_eq!(at(950), (true, false, true));
        assert_eq!(at(5000), (true, false, true));
        assert_eq!(at(500), (false, true, true));
        overload.set_memory(None);
        assert!(!overload.is_high());
    }

    #[test]
    fn those_turned_away_are_told_when_to_come_back() {
        let error = Reason::Memory.error();
        assert_eq!((error.status, error.code.as_deref(), error.retry_after), (503, Some("overloaded"), Some(RETRY_AFTER)));
    }
}
