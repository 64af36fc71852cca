//! Reads a vendor's stream.

use serde_json::Value;

use super::answer::{self, AnswerBlock, JSON_TOOL};
use super::usage::WireUsage;
use super::vendor_event::{
    BlockDelta, BlockStart, BlockStop, Delta, MessageDelta, MessageHead, MessageStart, event_kind, invalid_event, parse, text_delta,
};
use super::{error, stop};
use crate::chat::{ApiError, Event};
use crate::dialect::Decode;

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    usage: WireUsage,
    open: Vec<(u64, Open)>,
    /// Tool calls started so far.
    calls: u32,
    /// Characters of text so far: where a citation's text begins and ends.
    text_length: u64,
    started: bool,
    finished: bool,
    /// The terminal marker or an error has come.
    ended: bool,
}

/// A content block between its start and its stop.
enum Open {
    Text { start: u64, citations: Vec<Value> },
    Tool(Call),
    Other,
}

struct Call {
    /// `None` for the tool whose arguments are the answer's text.
    index: Option<u32>,
    /// Arguments that came whole with the block's start.
    input: Option<String>,
    /// Some of the arguments have been handed on.
    told: bool,
}

impl Decode for Decoder {
    fn frame(&mut self, name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        // Some gateways end every stream as OpenAI does; that it may not stand for `message_stop` is seen at the end.
        if self.ended || data.trim_ascii().is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        if name == b"content_block_delta"
            && let Some(text) = text_delta(data)
        {
            self.text(text, out);
            return Ok(());
        }
        match &*event_kind(name, data)? {
            b"message_start" => self.message_start(parse::<MessageStart>(data)?.message, out),
            b"content_block_start" => {
                let BlockStart { index, content_block } = parse(data)?;
                self.block_start(index, AnswerBlock::read(content_block).map_err(|e| invalid_event(&e))?, out);
            }
            b"content_block_delta" => {
                let BlockDelta { index, delta } = parse(data)?;
                self.block_delta(index, delta, out);
            }
            b"content_block_stop" => self.block_stop(parse::<BlockStop>(data)?.index, out),
            b"message_delta" => self.message_delta(parse(data)?, out),
            b"message_stop" => {
                if !self.finished {
                    self.finish(None, None, out);
                }
                self.ended = true;
                out.push(Event::Done);
            }
            b"ping" => out.push(Event::Ping),
            b"error" => {
                self.ended = true;
                out.push(Event::Error(error::read_value(200, &parse(data)?)));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.ended { Ok(()) } else { Err(truncated()) }
    }
}

/// The end of a stream before its terminal marker.
pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}

impl Decoder {
    fn message_start(&mut self, message: MessageHead, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        if let Some(usage) = &message.usage {
            self.usage.update(usage);
        }
        let usage = message.usage.map(WireUsage::to_hub);
        out.push(Event::Start { id: message.id, model: message.model, created: None, usage });
    }

    fn block_start(&mut self, index: u64, block: AnswerBlock, out: &mut Vec<Event>) {
        let open = match block {
            AnswerBlock::Text { text, citations } => {
                let start = self.text_length;
                self.text(text, out);
                Open::Text { start, citations }
            }
            AnswerBlock::Thinking { text, signature } => {
                thinking_text(text, out);
                thinking_signature(signature.unwrap_or_default(), out);
                Open::Other
            }
            AnswerBlock::RedactedThinking { data } => {
                out.push(Event::RedactedThinking { choice: 0, data });
                Open::Other
            }
            AnswerBlock::ToolUse { id, name, input } => {
                let index = (name != JSON_TOOL).then_some(self.calls);
                if let Some(index) = index {
                    self.calls += 1;
                    out.push(Event::ToolStart { choice: 0, index, id, name });
                }
                Open::Tool(Call { index, input, told: false })
            }
            AnswerBlock::Other => Open::Other,
        };
        self.open.retain(|(at, _)| *at != index);
        self.open.push((index, open));
    }

    fn block_delta(&mut self, index: u64, delta: Delta, out: &mut Vec<Event>) {
        match delta {
            Delta::Text { text } => self.text(text, out),
            Delta::Thinking { thinking } => thinking_text(thinking, out),
            Delta::Signature { signature } => thinking_signature(signature, out),
            Delta::InputJson { partial_json } => {
                if !partial_json.is_empty()
                    && let Some(Open::Tool(call)) = self.block(index)
                {
                    call.told = true;
                    let call_index = call.index;
                    self.arguments(call_index, partial_json, out);
                }
            }
            Delta::Citation { citation } => {
                if let Some(Open::Text { citations, .. }) = self.block(index) {
                    citations.push(citation);
                }
            }
            Delta::Other => {}
        }
    }

    fn block_stop(&mut self, index: u64, out: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(i, _)| *i == index) else { return };
        match self.open.swap_remove(at).1 {
            Open::Text { start, citations } => {
                let end = self.text_length;
                out.extend(citations.into_iter().map(|c| Event::Citation { choice: 0, citation: answer::citation(c, start, end) }));
            }
            // A tool without parameters may be called without any arguments having been streamed.
            Open::Tool(Call { index, input, told: false }) => {
                self.arguments(index, input.unwrap_or_else(|| "{}".to_owned()), out);
            }
            Open::Tool(_) | Open::Other => {}
        }
    }

    fn message_delta(&mut self, message: MessageDelta, out: &mut Vec<Event>) {
        if let Some(explanation) = message.delta.stop_details.and_then(|d| d.explanation).filter(|e| !e.is_empty()) {
            out.push(Event::Refusal { choice: 0, text: explanation });
        }
        if let Some(reason) = message.delta.stop_reason
            && !self.finished
        {
            self.finish(Some(&reason), message.delta.stop_sequence, out);
        }
        if let Some(usage) = message.usage {
            self.usage.update(&usage);
            out.push(Event::Usage(self.usage.to_hub()));
        }
    }

    fn finish(&mut self, reason: Option<&str>, stop_sequence: Option<String>, out: &mut Vec<Event>) {
        self.finished = true;
        let reason = stop::to_finish(reason, self.calls > 0);
        out.push(Event::Finish { choice: 0, reason, stop_sequence });
    }

    fn block(&mut self, index: u64) -> Option<&mut Open> {
        self.open.iter_mut().find(|(at, _)| *at == index).map(|(_, open)| open)
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
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

fn thinking_text(text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Thinking { choice: 0, text });
    }
}

fn thinking_signature(signature: String, out: &mut Vec<Event>) {
    if !signature.is_empty() {
        out.push(Event::Signature { choice: 0, signature });
    }
}
