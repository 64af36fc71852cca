//! Wall-clock times of one request, which a clock that jumps meanwhile does not disorder.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// One moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    instant: Instant,
    /// Nanoseconds since 1970.
    unix: u64,
}

impl Clock {
    /// The wall clock is asked once, now; `instant` was a moment ago or is now.
    pub fn since(instant: Instant) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { instant, unix: nanoseconds(unix.saturating_sub(instant.elapsed())) }
    }

    /// Nanoseconds since 1970.
    pub fn at(&self, instant: Instant) -> u64 {
        self.unix.saturating_add(nanoseconds(instant.saturating_duration_since(self.instant)))
    }
}

fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
