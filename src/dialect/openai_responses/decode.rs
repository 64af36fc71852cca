//! Reads a vendor's stream.

use serde::Deserialize;
use serde_json::Value;

use super::answer::{self, Item};
use super::error;
use super::read_response::Body;
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Event, PartKind, Usage};
use crate::dialect::Decode;

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    calls: Vec<Call>,
    /// The summary of the reasoning item that is open has begun.
    thought: bool,
    ended: bool,
}

struct Call {
    output_index: u64,
    /// Some of the arguments have been handed on.
    told: bool,
}

/// The fields of all events that are looked at.
#[derive(Deserialize)]
struct Frame {
    r#type: String,
    #[serde(default)]
    delta: Option<String>,
    #[serde(default)]
    output_index: u64,
    #[serde(default)]
    item: Option<Value>,
    #[serde(default)]
    annotation: Option<Value>,
    #[serde(default)]
    response: Option<Value>,
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.ended || data.trim_ascii().is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let frame: Frame = serde_json::from_slice(data).map_err(|_| invalid_event())?;
        let delta = frame.delta.unwrap_or_default();
        match frame.r#type.as_str() {
            "response.created" => self.start(frame.response.unwrap_or_default(), out),
            "response.output_text.delta" if !delta.is_empty() => out.push(Event::Text { choice: 0, text: delta }),
            "response.refusal.delta" if !delta.is_empty() => out.push(Event::Refusal { choice: 0, text: delta }),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if !delta.is_empty() => {
                self.thought = true;
                out.push(Event::Thinking { choice: 0, text: delta });
            }
            "response.reasoning_summary_part.added" if self.thought => out.push(Event::Thinking { choice: 0, text: "\n\n".to_owned() }),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(frame.output_index, delta, out)
            }
            "response.output_item.added" => {
                self.thought = false;
                if let Some(Item::Call { id, name, .. }) = frame.item.as_ref().and_then(answer::read_item) {
                    let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
                    self.calls.push(Call { output_index: frame.output_index, told: false });
                    out.push(Event::ToolStart { choice: 0, index, id, name });
                }
            }
            "response.output_item.done" => self.item_done(frame.output_index, frame.item.as_ref().and_then(answer::read_item), out),
            "response.output_text.annotation.added" => {
                out.extend(
                    frame.annotation.as_ref().and_then(answer::read_annotation).map(|citation| Event::Citation { choice: 0, citation }),
                );
            }
            "response.completed" | "response.incomplete" | "response.failed" => self.finish(frame.response.unwrap_or_default(), out)?,
            "error" => {
                let told: Value = serde_json::from_slice(data).map_err(|_| invalid_event())?;
                let object = told.get("error").filter(|error| error.is_object()).unwrap_or(&told);
                self.ended = true;
                out.push(Event::Error(error::in_band(object)));
            }
            "keepalive" => out.push(Event::Ping),
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.ended { Ok(()) } else { Err(truncated()) }
    }
}

impl Decoder {
    fn start(&mut self, response: Value, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |key: &str| response.get(key).and_then(Value::as_str).map(str::to_owned);
            let created = response.get("created_at").and_then(Value::as_f64).map(|at| at as u64);
            out.push(Event::Start { id: text("id"), model: text("model"), created, usage: None });
        }
    }

    fn arguments(&mut self, output_index: u64, fragment: String, out: &mut Vec<Event>) {
        let Some(at) = self.calls.iter().position(|call| call.output_index == output_index) else { return };
        if let Some(call) = self.calls.get_mut(at).filter(|_| !fragment.is_empty()) {
            call.told = true;
            out.push(Event::ToolArguments { choice: 0, index: u32::try_from(at).unwrap_or(u32::MAX), fragment });
        }
    }

    fn item_done(&mut self, output_index: u64, item: Option<Item>, out: &mut Vec<Event>) {
        match item {
            // Arguments that came with the whole item only.
            Some(Item::Call { arguments, .. }) => {
                let untold = self.calls.iter().any(|call| call.output_index == output_index && !call.told);
                if untold {
                    self.arguments(output_index, if arguments.is_empty() { "{}".to_owned() } else { arguments }, out);
                }
            }
            Some(Item::Thought(PartKind::Thinking { signature: Some(signature), .. })) => {
                out.push(Event::Signature { choice: 0, signature })
            }
            Some(Item::Thought(PartKind::RedactedThinking { data })) => out.push(Event::RedactedThinking { choice: 0, data }),
            _ => {}
        }
        self.thought = false;
    }

    fn finish(&mut self, response: Value, out: &mut Vec<Event>) -> Result<(), ApiError> {
        self.ended = true;
        let body = serde_json::from_value::<Body>(response).map_err(|_| invalid_event())?;
        match body.finish(!self.calls.is_empty()) {
            Ok(reason) => {
                out.push(Event::Finish { choice: 0, reason, stop_sequence: None });
                let tier = body.service_tier.as_deref().map_or_else(Default::default, ServiceTier::of);
                out.extend(body.usage.map(|usage| Event::Usage(Usage { tier, ..usage.to_hub() })));
                out.push(Event::Done);
            }
            Err(error) => out.push(Event::Error(error)),
        }
        Ok(())
    }
}

pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is not one of the Responses API's")
}

pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}
