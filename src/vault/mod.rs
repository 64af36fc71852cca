//! Floor 4: thinking that comes back although its client has no place for it. Some vendors sign the thinking before a tool call
//! and ask for it, unaltered, with the call's result; plain clients of other dialects drop what they do not know. So while an
//! answer is translated its signed thinking is remembered under the calls it belongs to, and put back when a later request holds
//! such a call without it. In the memory of this process only, bounded in number, bytes and time.
//!
//! A thought is found only by the client that was answered and for the vendor that thought it: both are part of its key.

mod call_name;
mod put_back;
mod watch;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use crate::base::bounded::Bounded;
use crate::cache::Key;
use crate::chat::{PartKind, Request, Role};
use call_name::{CallNames, Turn};
use put_back::put_back;
pub use watch::{Watch, Watching};

/// What an entry takes beside its texts, roughly: its key and its place.
const OVERHEAD: usize = 256;

/// How much is remembered, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub max_entries: usize,
    pub max_bytes: usize,
    /// After an entry was last put back, or made.
    pub ttl: Duration,
}

/// The memory. Shared by all workers; its lock is held for a few look-ups at a time.
pub struct Vault(Mutex<Inner>);

struct Inner {
    thoughts: Bounded<Key, Arc<[PartKind]>>,
    bounds: Bounds,
    /// Set under the lock, so that they are never behind.
    entries: Gauge,
    bytes: Gauge,
}

/// Between whom a thought is kept: the client that was answered and the vendor that thought it. It is digested when a call's key is
/// needed, which for most answers is never.
#[derive(Clone)]
pub struct Pair(Box<[u8]>);

impl Pair {
    /// `client` and `maker` are everything that tells one from another.
    pub fn of(client: &[&str], maker: &[&str]) -> Self {
        let mut told = Vec::with_capacity(256);
        for list in [client, maker] {
            told.extend_from_slice(&(list.len() as u64).to_le_bytes());
            for part in list {
                told.extend_from_slice(&(part.len() as u64).to_le_bytes());
                told.extend_from_slice(part.as_bytes());
            }
        }
        Self(told.into())
    }

    fn key(&self, call: &Key) -> Key {
        Key::of([&self.0, call.as_bytes()])
    }
}

impl Vault {
    /// `entries` and `bytes` always tell how much is remembered.
    pub fn new(bounds: Bounds, entries: Gauge, bytes: Gauge) -> Self {
        Self(Mutex::new(Inner { thoughts: Bounded::new(bounds.max_entries, bounds.max_bytes), bounds, entries, bytes }))
    }

    /// Takes other bounds over. What no longer fits is forgotten at once.
    pub fn rebound(&self, bounds: Bounds) {
        let mut inner = self.0.lock();
        inner.bounds = bounds;
        inner.thoughts.resize(bounds.max_entries, bounds.max_bytes);
        inner.settle();
    }

    /// Whether anything may be remembered at all.
    pub fn is_on(&self) -> bool {
        let bounds = self.0.lock().bounds;
        bounds.max_entries > 0 && bounds.max_bytes > 0
    }

    /// Forgets what is too old. Cheap to call often: it looks at most once a minute.
    pub fn sweep(&self, now: Instant) {
        let mut inner = self.0.lock();
        inner.thoughts.sweep(now);
        inner.settle();
    }

    /// The request with the thinking that belongs to its calls. What the client itself sent of it is left as it is.
    pub fn restore<'a>(&self, request: &'a Request, pair: &Pair, now: Instant) -> Cow<'a, Request> {
        if self.0.lock().thoughts.is_empty() {
            return Cow::Borrowed(request);
        }
        let mut names = CallNames::new(request.origin);
        let mut wanted = Vec::new();
        for (at, message) in request.messages.iter().enumerate() {
            if message.role == Role::Assistant && !message.parts.iter().any(|part| is_proof(&part.kind)) {
                let mut turn = Turn::default();
                for (place, part) in message.parts.iter().enumerate() {
                    if let PartKind::ToolCall { id, name, arguments, .. } = &part.kind {
                        wanted.push((at, place, pair.key(&names.name(&mut turn, id, name, arguments))));
                    }
                }
            }
            names.pass(message);
        }
        let mut inner = self.0.lock();
        let until = now + inner.bounds.ttl;
        let mut found = Vec::new();
        for (at, place, key) in wanted {
            if let Some(thoughts) = inner.thoughts.get(&key, now).map(Arc::clone) {
                inner.thoughts.extend(&key, until);
                found.push((at, place, thoughts));
            }
        }
        inner.settle();
        drop(inner);
        if found.is_empty() { Cow::Borrowed(request) } else { Cow::Owned(put_back(request, &found)) }
    }

    fn remember(&self, key: Key, thoughts: Vec<PartKind>, now: Instant) {
        let bytes = OVERHEAD + thoughts.iter().map(|thought| size_of::<PartKind>() + text_length(thought)).sum::<usize>();
        let mut inner = self.0.lock();
        let expires = now + inner.bounds.ttl;
        inner.thoughts.put(key, thoughts.into(), bytes, expires);
        inner.settle();
    }
}

impl Inner {
    fn settle(&self) {
        self.entries.set(i64::try_from(self.thoughts.len()).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(self.thoughts.bytes()).unwrap_or(i64::MAX));
    }
}

/// Whether a part is thinking that its vendor can verify.
fn is_proof(kind: &PartKind) -> bool {
    matches!(kind, PartKind::Thinking { signature: Some(_), .. } | PartKind::RedactedThinking { .. })
}

fn text_length(kind: &PartKind) -> usize {
    match kind {
        PartKind::Thinking { text, signature } => text.len() + signature.as_ref().map_or(0, String::len),
        PartKind::RedactedThinking { data } => data.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
