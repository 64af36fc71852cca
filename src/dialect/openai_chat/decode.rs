//! Reads a vendor's stream into the hub's events.

use serde_json::{Map, Value};

use super::editor::{invalid_event, truncated};
use super::normalize::{Chunk, Normalizer};
use super::{error, finish, read_response, usage};
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::dialect::Decode;

/// Reads a stream. Deviations of the vendor are repaired by the normalizer before anything is read.
#[derive(Debug)]
pub struct Decoder {
    normalizer: Normalizer,
    started: bool,
    done: bool,
    /// Choices that were seen and have not finished.
    open: Vec<u32>,
    /// The usage as last told to the hub.
    usage: Option<Usage>,
    tier: ServiceTier,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { normalizer: Normalizer::new("", 0), started: false, done: false, open: Vec::new(), usage: None, tier: ServiceTier::Standard }
    }
}

impl Decode for Decoder {
    fn frame(&mut self, name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let data = data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return self.finish(out);
        }
        let chunk: Map<String, Value> = serde_json::from_slice(data).map_err(|_| invalid_event())?;
        if name == b"error" {
            return Err(error::in_band(&Value::Object(chunk)));
        }
        if let Some(tier) = chunk.get("service_tier").and_then(Value::as_str) {
            self.tier = ServiceTier::of(tier);
        }
        match self.normalizer.chunk(chunk)? {
            Chunk::Same(chunk) | Chunk::Changed(chunk) => self.chunk(&chunk, out),
            Chunk::Nothing => out.push(Event::Ping),
        }
        let usage = self.normalizer.usage().and_then(usage::read_object).map(|usage| Usage { tier: self.tier, ..usage });
        if usage.is_some() && usage != self.usage {
            self.usage = usage;
            out.extend(usage.map(Event::Usage));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.done {
            return Ok(());
        }
        if !self.normalizer.finished() {
            return Err(truncated());
        }
        self.finish(out)
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: &Map<String, Value>, out: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            let text = |key: &str| chunk.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            let created = chunk.get("created").and_then(Value::as_u64).filter(|at| *at > 0);
            out.push(Event::Start { id: text("id"), model: text("model"), created, usage: None });
        }
        for raw in chunk.get("choices").and_then(Value::as_array).into_iter().flatten() {
            let choice = raw.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
            if !self.open.contains(&choice) {
                self.open.push(choice);
            }
            if let Some(Value::Object(delta)) = raw.get("delta") {
                read_delta(choice, delta, out);
            }
            if let Some(value @ Value::Object(_)) = raw.get("logprobs") {
                out.push(Event::Logprobs { choice, value: value.clone() });
            }
            if let Some(word) = raw.get("finish_reason").and_then(Value::as_str) {
                self.open.retain(|open| *open != choice);
                out.push(Event::Finish { choice, reason: finish::read(word), stop_sequence: None });
            }
        }
    }

    /// The vendor says that the answer is whole.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        for end in self.normalizer.ends() {
            self.chunk(&end, out);
        }
        if !self.started {
            // Without a single choice there is no answer.
            return Err(truncated());
        }
        // A choice that was not finished by a word of its own just stopped.
        let stopped = |choice| Event::Finish { choice, reason: FinishReason::Stop, stop_sequence: None };
        out.extend(self.open.drain(..).map(stopped));
        self.done = true;
        out.push(Event::Done);
        Ok(())
    }
}

fn read_delta(choice: u32, delta: &Map<String, Value>, out: &mut Vec<Event>) {
    let text = |key: &str| delta.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(text) = text("reasoning_content") {
        out.push(Event::Thinking { choice, text });
    }
    for detail in delta.get("reasoning_details").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(signature) = text("signature") {
            out.push(Event::Signature { choice, signature });
        }
        if let Some(data) = text("data") {
            out.push(Event::RedactedThinking { choice, data });
        }
    }
    if let Some(text) = text("content") {
        out.push(Event::Text { choice, text });
    }
    if let Some(text) = text("refusal") {
        out.push(Event::Refusal { choice, text });
    }
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        read_call(choice, call, out);
    }
    out.extend(read_response::citations(delta).map(|citation| Event::Citation { choice, citation }));
}

/// A fragment as the normalizer leaves it: the first one of a call has its id and name, the others only arguments.
fn read_call(choice: u32, call: &Value, out: &mut Vec<Event>) {
    let index = call.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok()).unwrap_or(0);
    let Some(function) = call.get("function") else { return };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    if let Some(name) = text(function.get("name")) {
        out.push(Event::ToolStart { choice, index, id: text(call.get("id")).unwrap_or_default(), name });
    }
    if let Some(fragment) = text(function.get("arguments")).filter(|fragment| !fragment.is_empty()) {
        out.push(Event::ToolArguments { choice, index, fragment });
    }
}
