//! Reads a vendor's stream, line by line.

use super::answer::{Line, call_id};
use crate::chat::{ApiError, Event};
use crate::dialect::Decode;

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    calls: u32,
    done: bool,
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.done {
            return Ok(());
        }
        let mut line = match Line::read(data, invalid_event) {
            Ok(line) => line,
            Err(error) if error.code.as_deref() == Some("upstream_invalid_event") => return Err(error),
            Err(error) => {
                self.done = true;
                out.push(Event::Error(error));
                return Ok(());
            }
        };
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: None, model: line.model.take(), created: line.created(), usage: None });
        }
        if let Some(said) = line.said() {
            let text = |text: Option<String>| text.filter(|text| !text.is_empty());
            out.extend(text(said.thinking).map(|text| Event::Thinking { choice: 0, text }));
            out.extend(text(said.content).map(|text| Event::Text { choice: 0, text }));
            for call in said.tool_calls.unwrap_or_default() {
                let index = self.calls;
                self.calls += 1;
                let (id, fragment) = (call_id(&call), call.function.text());
                out.push(Event::ToolStart { choice: 0, index, id, name: call.function.name });
                out.push(Event::ToolArguments { choice: 0, index, fragment });
            }
        }
        out.extend(line.logprobs().map(|value| Event::Logprobs { choice: 0, value }));
        if line.done {
            self.done = true;
            out.push(Event::Finish { choice: 0, reason: line.finish(self.calls > 0), stop_sequence: None });
            out.extend(line.usage().map(Event::Usage));
            out.push(Event::Done);
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.done { Ok(()) } else { Err(truncated()) }
    }
}

pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds a line that is not one of Ollama's")
}

pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}
