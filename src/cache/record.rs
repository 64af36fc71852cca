//! Gathers an answer while it goes to its client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;

use super::Cache;
use super::entry::Entry;
use super::flight::Lead;
use super::key::Key;

/// Dropped before [`Recorder::finish`], it leaves nothing behind, and those who wait for the answer go on by themselves.
pub struct Recorder {
    cache: Arc<Cache>,
    key: Key,
    lead: Option<Lead>,
    ttl: Duration,
    headers: HeaderMap,
    dropped: Vec<String>,
    /// The very bytes that were sent, not copied.
    pieces: Vec<Bytes>,
    size: usize,
    limit: usize,
}

/// The answer is larger than those that are kept.
#[derive(Debug)]
pub struct TooLarge;

impl Recorder {
    /// `lead` is that of the flight, if others may wait for this answer. It is good for `ttl` from its end on.
    pub fn new(cache: Arc<Cache>, key: Key, lead: Option<Lead>, ttl: Duration, headers: HeaderMap, dropped: Vec<String>) -> Self {
        // Entries count in 32 bits.
        let limit = cache.max_entry().min(u32::MAX as usize);
        Self { cache, key, lead, ttl, headers, dropped, pieces: Vec::new(), size: 0, limit }
    }

    /// Takes the next bytes of the body. After an error the recorder is of no use.
    pub fn push(&mut self, piece: &Bytes) -> Result<(), TooLarge> {
        self.size += piece.len();
        if self.size > self.limit {
            return Err(TooLarge);
        }
        if !piece.is_empty() {
            self.pieces.push(piece.clone());
        }
        Ok(())
    }

    /// The answer is whole: it is kept, and given to those who wait.
    pub fn finish(self, now: Instant) {
        let entry = Arc::new(Entry::new(self.headers, self.dropped, &self.pieces, now + self.ttl));
        self.cache.store.put(self.key, Arc::clone(&entry));
        if let Some(lead) = self.lead {
            lead.land(entry);
        }
    }
}
