//! The relay, where both ends speak this dialect: a request changes in its model only, an answer not at all.

use bytes::Bytes;

use super::answer::{Answer, invalid};
use super::decode::{invalid_event, truncated};
use super::wanted::Wanted;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::codec::sse;
use crate::dialect::{Edited, Reply, Seen, Tap, To, Verdict, Written, shape};

/// Names the vendor's model, and takes out what stands in path and headers.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    object.set("model", to_raw(&to.model));
    object.remove("task");
    object.remove("stream");
    Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() })
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    let mut answer = Answer::read(&body, invalid)?;
    if answer.choices().iter().any(|choice| choice.end().is_none()) {
        return Err(invalid());
    }
    Ok(Edited { usage: answer.usage(), body })
}

/// Watches a stream.
pub(super) struct Watch {
    /// Events tell what is new, not all of the text again and again.
    incremental: bool,
    /// Choices that were seen and those that have ended, as bit masks.
    seen: u64,
    ended: u64,
}

impl Watch {
    pub(super) fn new(reply: &Reply) -> Self {
        Self { incremental: Wanted::by(&reply.request).incremental, seen: 0, ended: 0 }
    }
}

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw).filter(|event| !event.data.trim_ascii().is_empty()) else { return Verdict::Pass };
        let mut answer = match Answer::read(&event.data, invalid_event) {
            Ok(answer) => answer,
            Err(error) => return Verdict::Fail(error),
        };
        for (choice, at) in answer.choices().iter().zip(0..) {
            let bit = 1_u64.checked_shl(choice.index.unwrap_or(at)).unwrap_or(0);
            self.seen |= bit;
            if choice.end().is_some() {
                self.ended |= bit;
            }
            let said = choice.said() as u64;
            seen.content |= said > 0 || choice.end().is_some();
            seen.said = if self.incremental { seen.said + said } else { seen.said.max(said) };
        }
        seen.usage = answer.usage().or(seen.usage);
        Verdict::Pass
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if self.seen == 0 || self.ended != self.seen {
            return Err(truncated());
        }
        seen.done = true;
        Ok(Vec::new())
    }
}
