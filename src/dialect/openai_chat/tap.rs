//! The relay of vendors that keep to the format: the bytes pass, and what the sidecar has to know is read on the way.

use serde_json::Value;

use super::chunk::Chunk;
use super::editor::{DONE, invalid_event, truncated};
use super::template::Template;
use super::{error, usage};
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Usage};
use crate::codec::sse;
use crate::dialect::{Reply, Seen, Tap, Verdict};

/// Watches a stream. Allocates nothing per event, but for the few events that carry usage or an error.
#[derive(Debug)]
pub struct Watcher {
    include_usage: bool,
    template: Template,
    /// Frames since one was like the template. A stream without a pattern is not learnt from for ever.
    misses: u32,
    /// Choices that were seen and those that finished, as bit masks.
    seen: u64,
    finished: u64,
}

impl Watcher {
    pub fn new(reply: &Reply) -> Self {
        Self { include_usage: reply.include_usage, template: Template::default(), misses: 0, seen: 0, finished: 0 }
    }

    /// Judges a frame that is not like the one before it.
    fn judge(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw) else { return Verdict::Pass };
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            seen.done = true;
            return Verdict::Pass;
        }
        let Some(chunk) = Chunk::read(data) else { return Verdict::Fail(invalid_event()) };
        if chunk.has_error() || event.name == b"error" {
            let told = serde_json::from_slice::<Value>(data).unwrap_or_default();
            return Verdict::Fail(error::in_band(&told));
        }
        self.seen |= chunk.choices.seen;
        self.finished |= chunk.choices.finished;
        seen.content |= chunk.choices.content;
        seen.said += chunk.choices.said as u64;
        if let Some(raw) = chunk.usage() {
            let told = usage::read_raw(raw).map(|usage| Usage { tier: ServiceTier::in_json(data), ..usage });
            seen.usage = told.or(seen.usage);
            if chunk.choices.seen == 0 && !self.include_usage {
                return Verdict::Drop;
            }
        } else if chunk.choices.content && chunk.choices.finished == 0 {
            self.misses = self.misses.saturating_add(1);
            if self.misses.is_power_of_two() {
                self.template.learn(raw);
            }
        }
        Verdict::Pass
    }
}

impl Tap for Watcher {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        if let Some(said) = self.template.fits(raw) {
            self.misses = 0;
            seen.said += said as u64;
            // Only a frame with content was learnt.
            seen.content = true;
            return Verdict::Pass;
        }
        self.judge(raw, seen)
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done {
            return Ok(Vec::new());
        }
        if self.seen == 0 || self.finished != self.seen {
            return Err(truncated());
        }
        seen.done = true;
        Ok(DONE.to_vec())
    }
}
