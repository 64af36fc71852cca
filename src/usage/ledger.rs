//! Where records go.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::record::Record;
use crate::metrics::MoneyMetrics;

/// Takes records. It is called on the threads that serve requests and must not wait: what cannot be taken at once is lost, and
/// said so.
pub trait Sink: Send + Sync {
    /// For metrics.
    fn name(&self) -> &'static str;

    /// Takes a record. False where there was no room for it.
    fn record(&self, record: &Record<'_>) -> bool;

    /// Writes out what was taken. Called from time to time on a thread that may wait.
    fn flush(&self) {}

    /// The same when no more records come.
    fn finish(&self) {
        self.flush();
    }
}

/// All sinks. Without one a record is not even made.
pub struct Ledger {
    sinks: ArcSwap<Vec<Arc<dyn Sink>>>,
    metrics: MoneyMetrics,
}

impl Ledger {
    pub fn new(metrics: &MoneyMetrics) -> Self {
        Self { sinks: ArcSwap::default(), metrics: metrics.clone() }
    }

    /// From the next record on, `sink` gets them too.
    pub fn add(&self, sink: Arc<dyn Sink>) {
        self.sinks.rcu(|sinks| sinks.iter().chain([&sink]).cloned().collect::<Vec<_>>());
    }

    pub fn is_empty(&self) -> bool {
        self.sinks.load().is_empty()
    }

    pub fn record(&self, record: &Record<'_>) {
        for sink in self.sinks.load().iter() {
            if sink.record(record) {
                self.metrics.recorded(sink.name());
            } else {
                self.metrics.lost(sink.name(), 1);
            }
        }
    }

    /// Has every sink write out what it has. May wait.
    pub fn flush(&self) {
        for sink in self.sinks.load().iter() {
            sink.flush();
        }
    }

    /// The same when no more records come.
    pub fn finish(&self) {
        for sink in self.sinks.load().iter() {
            sink.finish();
        }
    }
}
