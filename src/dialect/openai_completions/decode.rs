//! Reads a vendor's stream, chunk by chunk.

use super::answer::{Body, Head};
use super::logprobs::Wire;
use crate::chat::{ApiError, Event, FinishReason};
use crate::dialect::Decode;
use crate::dialect::openai_chat::editor::{invalid_event, truncated};

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    done: bool,
    /// Choices that were seen and have not finished.
    open: Vec<u32>,
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let data = data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return self.finish(out);
        }
        let mut body = Body::read(data, invalid_event)?;
        let choices = body.choices.take().unwrap_or_default();
        if !choices.is_empty() && !std::mem::replace(&mut self.started, true) {
            let Head { id, model, created } = body.head();
            out.push(Event::Start { id, model, created, usage: None });
        }
        for said in choices {
            let choice = said.index;
            let finish = said.finish()?;
            if !self.open.contains(&choice) {
                self.open.push(choice);
            }
            out.extend(said.text.filter(|text| !text.is_empty()).map(|text| Event::Text { choice, text }));
            out.extend(said.logprobs.as_ref().map(Wire::to_hub).map(|value| Event::Logprobs { choice, value }));
            if let Some(reason) = finish {
                self.open.retain(|open| *open != choice);
                out.push(Event::Finish { choice, reason, stop_sequence: None });
            }
        }
        out.extend(body.usage().map(Event::Usage));
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        match self.done {
            true => Ok(()),
            false if self.open.is_empty() => self.finish(out),
            false => Err(truncated()),
        }
    }
}

impl Decoder {
    /// The vendor says that the answer is whole.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if !self.started {
            // Without a single choice there is no answer.
            return Err(truncated());
        }
        // A choice that was not finished by a word of its own just stopped.
        out.extend(self.open.drain(..).map(|choice| Event::Finish { choice, reason: FinishReason::Stop, stop_sequence: None }));
        self.done = true;
        out.push(Event::Done);
        Ok(())
    }
}
