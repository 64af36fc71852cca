//! What waits to be exported. Requests put in without waiting; when the exporter does not keep up, the newest are dropped and
//! counted.

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use super::span::{Span, UsageRecord};

/// The most that wait. A span takes about a kilobyte.
const MOST: usize = 4096;
/// So many are worth an export at once.
pub const BATCH: usize = 512;

/// What can be exported.
#[derive(Clone, Debug)]
pub enum Record {
    Span(Span),
    Usage(UsageRecord),
}

/// The queue.
pub struct Records {
    waiting: Mutex<Vec<Record>>,
    many: Notify,
    dropped: Counter,
}

impl Records {
    /// `dropped` counts what found no room.
    pub fn new(dropped: Counter) -> Self {
        Self { waiting: Mutex::default(), many: Notify::new(), dropped }
    }

    pub fn push(&self, record: Record) {
        let count = {
            let mut waiting = self.waiting.lock();
            if waiting.len() >= MOST {
                self.dropped.inc();
                return;
            }
            waiting.push(record);
            waiting.len()
        };
        if count % BATCH == 0 {
            self.many.notify_one();
        }
    }

    /// All that wait, oldest first.
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.waiting.lock())
    }

    /// Ends when so many wait that they should be exported at once.
    pub async fn many(&self) {
        self.many.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted() {
        let dropped = Counter::default();
        let records = Records::new(dropped.clone());
        for time in 0..MOST as u64 + 3 {
            records.push(Record::Usage(UsageRecord { time, context: None, attributes: Vec::new() }));
        }
        assert_eq!(dropped.get(), 3);
        let taken = records.take();
        assert_eq!(taken.len(), MOST);
        assert!(matches!(&taken[0], Record::Usage(first) if first.time == 0));
        assert!(records.take().is_empty());
    }
}
