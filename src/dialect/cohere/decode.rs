//! Reads a vendor's stream.

use super::citation::Places;
use super::read_response::call_id;
use super::vendor_event::{Said, invalid_event, truncated};
use super::{finish, logprobs};
use crate::chat::{ApiError, Event};
use crate::dialect::Decode;

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    /// The vendor's indices of the calls, in the hub's order.
    calls: Vec<u64>,
    places: Places,
    done: bool,
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.done {
            return Ok(());
        }
        match Said::read(data)? {
            Said::Nothing => {}
            Said::Error(error) => self.fail(error, out),
            Said::Start { id } => self.start(id, out),
            Said::Content { index, block, logprobs } => {
                self.start(None, out);
                let some = |text: Option<String>| text.filter(|text| !text.is_empty());
                out.extend(some(block.thinking).map(|text| Event::Thinking { choice: 0, text }));
                if let Some(text) = some(block.text) {
                    self.places.said(Some(index), &text);
                    out.push(Event::Text { choice: 0, text });
                }
                let value = logprobs.and_then(|item| logprobs::to_hub(&[item]));
                out.extend(value.map(|value| Event::Logprobs { choice: 0, value }));
            }
            Said::Plan(plan) => {
                self.start(None, out);
                self.places.said(None, &plan);
                out.push(Event::Text { choice: 0, text: plan });
            }
            Said::CallStart { index, call } => {
                self.start(None, out);
                let at = self.calls.len() as u32;
                self.calls.push(index);
                let (id, name) = (call_id(call.id), call.function.name.unwrap_or_default());
                out.push(Event::ToolStart { choice: 0, index: at, id, name });
                let arguments = call.function.arguments.filter(|arguments| !arguments.is_empty());
                out.extend(arguments.map(|fragment| Event::ToolArguments { choice: 0, index: at, fragment }));
            }
            Said::CallDelta { index, arguments } => {
                let at = self.calls.iter().rposition(|known| *known == index).ok_or_else(invalid_event)?;
                out.push(Event::ToolArguments { choice: 0, index: at as u32, fragment: arguments });
            }
            Said::Citation(native) => {
                self.start(None, out);
                out.push(Event::Citation { choice: 0, citation: self.places.read(native) });
            }
            Said::End { finish_reason, usage, error } => match finish::read(&finish_reason, !self.calls.is_empty(), error.as_deref()) {
                Ok(reason) => {
                    self.start(None, out);
                    self.done = true;
                    out.push(Event::Finish { choice: 0, reason, stop_sequence: None });
                    out.extend(usage.and_then(|usage| usage.to_hub()).map(Event::Usage));
                    out.push(Event::Done);
                }
                Err(error) => self.fail(error, out),
            },
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.done { Ok(()) } else { Err(truncated()) }
    }
}

impl Decoder {
    fn start(&mut self, id: Option<String>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id, model: None, created: None, usage: None });
        }
    }

    fn fail(&mut self, error: ApiError, out: &mut Vec<Event>) {
        self.done = true;
        out.push(Event::Error(error));
    }
}
