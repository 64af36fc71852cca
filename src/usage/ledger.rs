//! Where records go.

use std::sync::{Arc, OnceLock};

use prometheus_client::metrics::counter::Counter;

use super::record::Record;
use crate::metrics::MoneyMetrics;

/// Takes records. It is called on the threads that serve requests and must not wait: what cannot be taken at once is lost, and
/// said so.
pub trait Sink: Send + Sync {
    /// For metrics.
    fn name(&self) -> &'static str;

    /// Takes a record, if there is room for it.
    fn record(&self, record: &Record<'_>) -> Taken;

    /// Writes out what was taken. Called from time to time, and when a record was much, on a thread that may wait.
    fn flush(&self) {}

    /// The same when no more records come.
    fn finish(&self) {
        self.flush();
    }
}

/// What a sink did with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Yes,
    /// With it there is so much that it should be written out now.
    Much,
    /// There was no room.
    No,
}

/// All sinks. Without one a record is not even made.
pub struct Ledger {
    sinks: OnceLock<Vec<Entry>>,
    metrics: MoneyMetrics,
}

/// A sink, and where it is counted what it takes.
struct Entry {
    sink: Arc<dyn Sink>,
    records: Counter,
}

impl Ledger {
    pub fn new(metrics: &MoneyMetrics) -> Self {
        Self { sinks: OnceLock::new(), metrics: metrics.clone() }
    }

    /// From the next record on, these get them. Once in a process's life: later calls change nothing.
    pub fn open(&self, sinks: Vec<Arc<dyn Sink>>) {
        self.sinks.get_or_init(|| sinks.into_iter().map(|sink| Entry { records: self.metrics.recorded(sink.name()), sink }).collect());
    }

    fn sinks(&self) -> &[Entry] {
        self.sinks.get().map_or(&[], Vec::as_slice)
    }

    pub fn is_empty(&self) -> bool {
        self.sinks().is_empty()
    }

    /// Has every sink take it. True where the ledger should be flushed now.
    #[must_use]
    pub fn record(&self, record: &Record<'_>) -> bool {
        let mut is_much = false;
        for Entry { sink, records } in self.sinks() {
            let taken = sink.record(record);
            is_much |= taken == Taken::Much;
            if taken == Taken::No {
                self.metrics.lost(sink.name(), 1);
            } else {
                records.inc();
            }
        }
        is_much
    }

    /// Has every sink write out what it has. May wait.
    pub fn flush(&self) {
        for Entry { sink, .. } in self.sinks() {
            sink.flush();
        }
    }

    /// The same when no more records come.
    pub fn finish(&self) {
        for Entry { sink, .. } in self.sinks() {
            sink.finish();
        }
    }
}
