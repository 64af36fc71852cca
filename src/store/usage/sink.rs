//! Records of use on their way to the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Tally;
use crate::metrics::MoneyMetrics;
use crate::store::Store;
use crate::usage::{Record, Sink, Taken};

/// Between two writes.
const INTERVAL: Duration = Duration::from_secs(2);
/// The same, while the store is away.
const PAUSE: Duration = Duration::from_secs(15);
/// Sums that wait, of different days, models and clients. While the store is away they grow; more are lost.
const MOST: usize = 20_000;

/// Sums records up in memory and adds the sums to the store's.
pub struct UsageSink {
    store: Arc<Store>,
    /// Days that are kept.
    keep: i64,
    waiting: Mutex<Tally>,
    turn: Mutex<Turn>,
    metrics: MoneyMetrics,
}

struct Turn {
    next: Instant,
    /// The day on which old sums were last forgotten.
    tidied: Option<Date>,
    is_away: bool,
}

impl UsageSink {
    /// Sums of days that are older than `keep` are forgotten.
    pub fn new(store: Arc<Store>, keep: Duration, metrics: &MoneyMetrics) -> Self {
        // From the start, so that a first loss shows as one.
        metrics.lost("store", 0);
        let turn = Turn { next: Instant::now(), tidied: None, is_away: false };
        let keep = i64::try_from(keep.as_secs().div_ceil(86_400)).unwrap_or(i64::MAX);
        Self { store, keep, waiting: Mutex::default(), turn: Mutex::new(turn), metrics: metrics.clone() }
    }

    /// Writes what waits. What cannot be written waits on: at worst, where the answer to a commit was lost, it is counted twice.
    fn write(&self, turn: &mut Turn) {
        let tally = std::mem::take(&mut *self.waiting.lock());
        if !tally.is_empty()
            && let Err(error) = self.store.add_usage(&tally)
        {
            if !turn.is_away {
                tracing::warn!(%error, requests = tally.requests(), "use could not be written to the store; it is tried again");
            }
            turn.is_away = true;
            self.waiting.lock().merge(tally);
            return;
        }
        turn.is_away = false;
        self.tidy(turn);
    }

    fn tidy(&self, turn: &mut Turn) {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        if turn.tidied == Some(today) {
            return;
        }
        let first = jiff::Span::new().try_days(self.keep).ok().and_then(|days| today.checked_sub(days).ok());
        match first.map(|first| self.store.forget_usage(first)) {
            Some(Err(error)) => tracing::warn!(%error, "old sums of use could not be forgotten"),
            Some(Ok(_)) | None => turn.tidied = Some(today),
        }
    }
}

impl Sink for UsageSink {
    fn name(&self) -> &'static str {
        "store"
    }

    fn record(&self, record: &Record<'_>) -> Taken {
        if self.waiting.lock().record(record, MOST) { Taken::Yes } else { Taken::No }
    }

    fn flush(&self) {
        // Another thread that is at it does for this one, too.
        let Some(mut turn) = self.turn.try_lock() else { return };
        let now = Instant::now();
        if now < turn.next {
            return;
        }
        self.write(&mut turn);
        turn.next = Instant::now() + if turn.is_away { PAUSE } else { INTERVAL };
    }

    fn finish(&self) {
        self.write(&mut self.turn.lock());
        let lost = std::mem::take(&mut *self.waiting.lock()).requests();
        if lost > 0 {
            self.metrics.lost("store", lost);
            tracing::error!(lost, "the store is away at the end: records of use are lost");
        }
    }
}
