//! Reads a vendor's stream. It is whole with `messageStop` and the `metadata` that follows it.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{self, JSON_TOOL, Tier, ToolUse};
use super::usage::WireUsage;
use super::{error, signature, stop, tool_name};
use crate::chat::{ApiError, Event, Usage};
use crate::codec::aws;
use crate::dialect::Decode;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart<'a> {
    content_block_index: u64,
    #[serde(borrow)]
    start: Start<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta {
    content_block_index: u64,
    delta: Delta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    tool_use: Option<ToolDelta>,
    #[serde(default)]
    reasoning_content: Option<ReasoningDelta>,
    #[serde(default)]
    citation: Option<Value>,
}

#[derive(Deserialize)]
struct ToolDelta {
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningDelta {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    signature: Option<String>,
    #[serde(default)]
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageStop {
    stop_reason: String,
    #[serde(default)]
    additional_model_response_fields: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    service_tier: Option<Tier>,
}

impl Metadata {
    pub(super) fn counted(self) -> Option<Usage> {
        answer::counted(self.usage, self.service_tier.as_ref())
    }
}

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    open: Vec<(u64, Open)>,
    /// Tool calls started so far.
    calls: u32,
    /// Characters of text so far: where a citation's text begins and ends.
    text_length: u64,
    started: bool,
    /// Something of the answer has come.
    said: bool,
    stopped: bool,
    counted: bool,
    /// The answer is whole, or an error has come.
    ended: bool,
}

/// A content block between its first event and its stop.
enum Open {
    Text {
        start: u64,
        citations: Vec<Value>,
    },
    /// `index` is `None` for the tool whose arguments are the answer's text; `told` says that some arguments have been handed on.
    Tool {
        index: Option<u32>,
        told: bool,
    },
    Other,
}

impl Decode for Decoder {
    fn frame(&mut self, name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.ended {
            return Ok(());
        }
        if name == aws::FAULT.as_bytes() {
            self.ended = true;
            out.push(Event::Error(error::read_fault(data)));
            return Ok(());
        }
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: None, model: None, created: None, usage: None });
        }
        match name {
            b"contentBlockStart" => self.block_start(serde_json::from_slice(data).map_err(|_| invalid_event())?, out),
            b"contentBlockDelta" => self.block_delta(parse(data)?, out),
            b"contentBlockStop" => self.block_stop(parse::<BlockStop>(data)?.content_block_index, out),
            b"messageStop" => self.message_stop(&parse(data)?, out)?,
            b"metadata" => {
                let metadata: Metadata = parse(data)?;
                out.extend(metadata.counted().map(Event::Usage));
                self.counted = true;
            }
            // `messageStart` says nothing new; others are yet to be invented.
            _ => {}
        }
        if self.stopped && self.counted {
            self.ended = true;
            out.push(Event::Done);
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.ended { Ok(()) } else { Err(truncated()) }
    }
}

pub(super) fn parse<T: DeserializeOwned>(data: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(data).map_err(|_| invalid_event())
}

/// The end of a stream before it is whole.
pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}

/// The 502 for an event that is not of this format.
pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is not a Converse event")
}

impl Decoder {
    fn block_start(&mut self, block: BlockStart<'_>, out: &mut Vec<Event>) {
        let open = match block.start.tool_use {
            Some(call) if !call.is_vendors() => {
                self.said = true;
                let index = (call.name != JSON_TOOL).then_some(self.calls);
                if let Some(index) = index {
                    self.calls += 1;
                    out.push(Event::ToolStart { choice: 0, index, id: call.tool_use_id, name: tool_name::original(call.name) });
                }
                Open::Tool { index, told: false }
            }
            _ => Open::Other,
        };
        self.open.retain(|(at, _)| *at != block.content_block_index);
        self.open.push((block.content_block_index, open));
    }

    fn block_delta(&mut self, block: BlockDelta, out: &mut Vec<Event>) {
        let BlockDelta { content_block_index: at, delta } = block;
        if let Some(text) = delta.text {
            // Blocks of text have no start.
            self.text_block(at);
            self.text(text, out);
        }
        if let Some(citation) = delta.citation
            && let Open::Text { citations, .. } = self.text_block(at)
        {
            citations.push(citation);
        }
        if let Some(ToolDelta { input }) = delta.tool_use.filter(|delta| !delta.input.is_empty())
            && let Some((_, Open::Tool { index, told })) = self.open.iter_mut().find(|(open, _)| *open == at)
        {
            *told = true;
            let index = *index;
            self.arguments(index, input, out);
        }
        if let Some(reasoning) = delta.reasoning_content {
            self.reasoning(reasoning, out);
        }
    }

    /// The block at an index; one of text where none has begun.
    fn text_block(&mut self, at: u64) -> &mut Open {
        let found = self.open.iter().position(|(open, _)| *open == at).unwrap_or_else(|| {
            self.open.push((at, Open::Text { start: self.text_length, citations: Vec::new() }));
            self.open.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`found` was found or pushed just above")]
        &mut self.open[found].1
    }

    fn reasoning(&mut self, delta: ReasoningDelta, out: &mut Vec<Event>) {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let before = out.len();
        out.extend(given(delta.text).map(|text| Event::Thinking { choice: 0, text }));
        out.extend(given(delta.signature).map(|signature| Event::Signature { choice: 0, signature }));
        let redacted = given(delta.redacted_content).map(|data| signature::read_redacted(&data));
        out.extend(redacted.map(|data| Event::RedactedThinking { choice: 0, data }));
        self.said |= out.len() > before;
    }

    fn block_stop(&mut self, at: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(open, _)| *open == at) else { return };
        match self.open.swap_remove(at).1 {
            Open::Text { start, citations } => {
                let end = self.text_length;
                out.extend(citations.into_iter().map(|c| Event::Citation { choice: 0, citation: answer::citation(c, start, end) }));
            }
            // A tool without parameters may be called without any arguments having been streamed.
            Open::Tool { index, told: false } => self.arguments(index, "{}".to_owned(), out),
            Open::Tool { .. } | Open::Other => {}
        }
    }

    fn message_stop(&mut self, message: &MessageStop, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if std::mem::replace(&mut self.stopped, true) {
            return Ok(());
        }
        let reason = stop::read(&message.stop_reason, self.calls > 0, !self.said)?;
        let stop_sequence = answer::stop_sequence(message.additional_model_response_fields.as_ref());
        out.push(Event::Finish { choice: 0, reason, stop_sequence });
        Ok(())
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.said = true;
            self.text_length += text.chars().count() as u64;
            out.push(Event::Text { choice: 0, text });
        }
    }

    fn arguments(&mut self, index: Option<u32>, fragment: String, out: &mut Vec<Event>) {
        match index {
            Some(index) => out.push(Event::ToolArguments { choice: 0, index, fragment }),
            None => self.text(fragment, out),
        }
    }
}
