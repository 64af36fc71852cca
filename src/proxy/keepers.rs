//! Who gets the record of what a request used: the ledger's sinks, and the OpenTelemetry collector where it is to have them.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::worker::Worker;
use crate::runtime::Snapshot;
use crate::trace::{self, Clock, Records, UsageRecord};
use crate::usage::{Ledger, Record};

/// Where there is nobody, a record need not be made.
pub(super) struct Keepers<'a> {
    ledger: Option<&'a Arc<Ledger>>,
    collector: Option<&'a Records>,
}

impl<'a> Keepers<'a> {
    pub(super) fn of(worker: &'a Worker, snapshot: &Snapshot) -> Self {
        let runtime = &worker.runtime;
        Self {
            ledger: (!runtime.ledger.is_empty()).then_some(&runtime.ledger),
            collector: snapshot.config.telemetry.usage.then_some(&runtime.records),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ledger.is_none() && self.collector.is_none()
    }

    /// Tells all of them. `context` is where the request is traced.
    pub(super) fn record(&self, record: &Record<'_>, context: Option<(u128, u64)>) {
        if let Some(ledger) = self.ledger {
            // A process that ends flushes in any case.
            if ledger.record(record)
                && let Ok(runtime) = Handle::try_current()
            {
                let ledger = Arc::clone(ledger);
                runtime.spawn_blocking(move || ledger.flush());
            }
        }
        if let Some(records) = self.collector {
            let now = Instant::now();
            let mut attributes = record.attributes();
            attributes.push(("gen_ai.operation.name", super::trace::operation(record.summary.endpoint).into()));
            records.push(trace::Record::Usage(UsageRecord { time: Clock::since(now).at(now), context, attributes }));
        }
    }
}
