//! Writes a stream to a client. Whether the model will call tools is not known beforehand, so what it says before goes out as
//! text, not as a plan.

use bytes::{BufMut, BytesMut};
use serde_json::json;

use super::calls::Calls;
use super::client_event::{self, Content, Message, put};
use super::usage::ClientUsage;
use super::write_response::response_id;
use super::{citation, error, finish, logprobs};
use crate::chat::{Citation, Event, FinishReason, Usage};
use crate::dialect::Encode;

/// A comment, which the clients of the format skip.
pub(super) const HEARTBEAT: &[u8] = b": ping\n\n";
/// What comes after the last event.
pub(super) const END: &[u8] = b"data: [DONE]\n\n";

/// The state of one stream.
#[derive(Default)]
pub(super) struct Encoder {
    started: bool,
    /// The block that is being written, which is the last one.
    open: Option<Block>,
    /// How many blocks there are.
    blocks: u32,
    calls: Calls,
    citations: u32,
    /// What citations refer to.
    text: String,
    finish: Option<&'static str>,
    usage: Option<Usage>,
}

#[derive(Clone, Copy, PartialEq)]
enum Block {
    Text,
    Thinking,
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, usage, .. } => {
                self.usage = usage;
                self.start(id, out);
            }
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } if !text.is_empty() => {
                self.begin(Block::Text, out);
                self.delta(Content { text: Some(&text), ..Content::default() }, None, out);
                self.text.push_str(&text);
            }
            Event::Thinking { choice: 0, text } if !text.is_empty() => {
                self.begin(Block::Thinking, out);
                self.delta(Content { thinking: Some(&text), ..Content::default() }, None, out);
            }
            Event::Logprobs { choice: 0, value } => {
                for item in logprobs::of(&value) {
                    self.begin(Block::Text, out);
                    self.delta(Content { text: Some(""), ..Content::default() }, Some(item), out);
                }
            }
            Event::ToolStart { choice: 0, index, id, name } => {
                self.start(None, out);
                self.close(out);
                self.calls.start(index, id, name, out);
            }
            Event::ToolArguments { choice: 0, index, fragment } if !fragment.is_empty() => self.calls.arguments(index, &fragment, out),
            Event::Citation { choice: 0, citation } => self.cite(&citation, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.start(None, out);
                self.close(out);
                self.calls.end(out);
                self.finish = Some(finish::write(reason, stop_sequence.is_some()));
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Ping => out.put_slice(HEARTBEAT),
            Event::Error(error) => error::write_error_event(&error, out),
            Event::Done => self.done(out),
            // Of several answers the first; and this format has no place for proofs.
            _ => {}
        }
    }
}

impl Encoder {
    fn start(&mut self, id: Option<String>, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
            put("message-start", &json!({"id": response_id(id), "type": "message-start", "delta": {"message": message}}), out);
        }
    }

    /// Begins a block, unless one of its kind is open.
    fn begin(&mut self, block: Block, out: &mut BytesMut) {
        if self.open == Some(block) {
            return;
        }
        self.start(None, out);
        self.close(out);
        let content = match block {
            Block::Text => Content { r#type: Some("text"), text: Some(""), thinking: None },
            Block::Thinking => Content { r#type: Some("thinking"), text: None, thinking: Some("") },
        };
        client_event::Event::says("content-start", self.blocks, Message::Content(content)).write(out);
        self.open = Some(block);
        self.blocks += 1;
    }

    fn delta(&self, content: Content<'_>, logprobs: Option<logprobs::Item>, out: &mut BytesMut) {
        let event = client_event::Event::says("content-delta", self.last(), Message::Content(content));
        client_event::Event { logprobs, ..event }.write(out);
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            client_event::Event::ends("content-end", self.last()).write(out);
        }
    }

    /// The last block's index.
    fn last(&self) -> u32 {
        self.blocks.saturating_sub(1)
    }

    fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        self.start(None, out);
        let written = citation::write(citation, &self.text, Some(self.last()));
        client_event::Event::says("citation-start", self.citations, Message::Citations(written)).write(out);
        client_event::Event::ends("citation-end", self.citations).write(out);
        self.citations += 1;
    }

    fn done(&mut self, out: &mut BytesMut) {
        self.start(None, out);
        self.close(out);
        self.calls.end(out);
        let finish_reason = self.finish.unwrap_or(finish::write(FinishReason::Stop, false));
        let delta = json!({"finish_reason": finish_reason, "usage": self.usage.map(ClientUsage::from)});
        put("message-end", &json!({"type": "message-end", "delta": delta}), out);
        out.put_slice(END);
    }
}
