//! Writes a stream to a client. Anthropic's clients want one content block after the other, never two at a time, and each frame
//! named by both its `event:` line and its `type`.

use bytes::BytesMut;

use super::answer::is_own_citation;
use super::client_event::{BlockHead, Delta, Empty, Ending, Frame, MessageHead};
use super::signature::UNSIGNED;
use super::usage::ClientUsage;
use super::write_response::message_id;
use super::{error, stop};
use crate::chat::{Event, FinishReason, Usage};
use crate::dialect::in_turn::InTurn;
use crate::dialect::{Encode, Reply, call_id};

/// The keep-alive of this dialect; official clients skip it.
pub(super) const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// The state of one stream.
pub(super) struct Encoder {
    model: String,
    /// The latest token counts; at first the estimate of the prompt.
    usage: Usage,
    started: bool,
    /// The next block's index.
    next: u32,
    open: Option<Open>,
    order: InTurn,
    /// What is in turn, to be written.
    ready: Vec<Event>,
    called: bool,
    finish: Option<(FinishReason, Option<String>)>,
}

/// The block that is being written.
enum Open {
    /// A cited text is complete: the next text is a block of its own.
    Text {
        cited: bool,
    },
    Thinking,
    /// A tool call by its number in the hub.
    Tool(u32),
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, usage, .. } => {
                self.usage = usage.filter(|u| u.prompt > 0).unwrap_or(self.usage);
                self.start(id.as_deref(), out);
            }
            Event::Ping => out.extend_from_slice(PING),
            Event::Error(error) => error::write_error_event(&error, out),
            Event::Usage(usage) => self.usage = usage,
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = Some((reason, stop_sequence));
                self.flush(out);
            }
            Event::Done => self.done(out),
            // This format has one answer and no place for probabilities.
            Event::Logprobs { .. } | Event::Finish { .. } => {}
            content => {
                if content.choice() == 0 {
                    self.start(None, out);
                    self.content(content, out);
                }
            }
        }
    }
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        Self {
            model: reply.requested_model.clone(),
            usage: Usage { prompt: reply.prompt_estimate, ..Usage::default() },
            started: false,
            next: 0,
            open: None,
            order: InTurn::default(),
            ready: Vec::new(),
            called: false,
            finish: None,
        }
    }

    fn start(&mut self, id: Option<&str>, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let message = MessageHead {
            id: message_id(id),
            r#type: "message",
            role: "assistant",
            model: &self.model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: ClientUsage::new(&self.usage),
        };
        Frame::MessageStart { message }.write(out);
    }

    /// Writes a piece of the answer when it is its turn.
    fn content(&mut self, event: Event, out: &mut BytesMut) {
        self.order.take(event, &mut self.ready);
        self.write_ready(out);
    }

    /// Writes everything held and closes the open block.
    fn flush(&mut self, out: &mut BytesMut) {
        self.order.flush(&mut self.ready);
        self.write_ready(out);
        self.close(out);
    }

    fn write_ready(&mut self, out: &mut BytesMut) {
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            self.block(&event, out);
        }
        self.ready = ready;
    }

    fn block(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } if !text.is_empty() => {
                if !matches!(self.open, Some(Open::Text { cited: false })) {
                    self.begin(Open::Text { cited: false }, BlockHead::Text { text: "" }, out);
                }
                self.delta(Delta::Text { text }, out);
            }
            Event::Thinking { text, .. } if !text.is_empty() => {
                self.thinking(out);
                self.delta(Delta::Thinking { thinking: text }, out);
            }
            Event::Signature { signature, .. } => {
                self.thinking(out);
                self.delta(Delta::Signature { signature }, out);
                self.stop(out);
            }
            Event::RedactedThinking { data, .. } => {
                self.begin(Open::Thinking, BlockHead::RedactedThinking { data }, out);
                self.stop(out);
            }
            Event::ToolStart { index, id, name, .. } => {
                self.called = true;
                let head = BlockHead::ToolUse { id: call_id::accepted(id, call_id::WORD), name, input: Empty {} };
                self.begin(Open::Tool(*index), head, out);
            }
            Event::ToolArguments { index, fragment, .. } if !fragment.is_empty() => {
                if matches!(self.open, Some(Open::Tool(open)) if open == *index) {
                    self.delta(Delta::InputJson { partial_json: fragment }, out);
                }
            }
            Event::Citation { citation, .. } => {
                if let (Some(Open::Text { cited }), Some(native)) = (&mut self.open, &citation.native)
                    && is_own_citation(native)
                {
                    *cited = true;
                    self.delta(Delta::Citation { citation: native }, out);
                }
            }
            _ => {}
        }
    }

    fn thinking(&mut self, out: &mut BytesMut) {
        if !matches!(self.open, Some(Open::Thinking)) {
            self.begin(Open::Thinking, BlockHead::Thinking { thinking: "", signature: "" }, out);
        }
    }

    /// Starts a block after closing the one before.
    fn begin(&mut self, open: Open, content_block: BlockHead<'_>, out: &mut BytesMut) {
        self.close(out);
        Frame::ContentBlockStart { index: self.next, content_block }.write(out);
        self.open = Some(open);
    }

    fn delta(&self, delta: Delta<'_>, out: &mut BytesMut) {
        Frame::ContentBlockDelta { index: self.next, delta }.write(out);
    }

    /// Ends the open block. Thinking that no signature ended gets one, as clients insist on it.
    fn close(&mut self, out: &mut BytesMut) {
        match self.open {
            None => return,
            Some(Open::Thinking) => self.delta(Delta::Signature { signature: UNSIGNED }, out),
            Some(Open::Text { .. } | Open::Tool(_)) => {}
        }
        self.stop(out);
    }

    fn stop(&mut self, out: &mut BytesMut) {
        Frame::ContentBlockStop { index: self.next }.write(out);
        self.next += 1;
        self.open = None;
    }

    fn done(&mut self, out: &mut BytesMut) {
        self.start(None, out);
        self.flush(out);
        if self.next == 0 {
            // Clients index the first block.
            self.begin(Open::Text { cited: false }, BlockHead::Text { text: "" }, out);
            self.close(out);
        }
        let (reason, stop_sequence) = self.finish.take().unwrap_or((FinishReason::Stop, None));
        let stop_sequence = stop_sequence.as_deref();
        let delta = Ending { stop_reason: stop::from_finish(reason, stop_sequence, self.called), stop_sequence };
        Frame::MessageDelta { delta, usage: ClientUsage::new(&self.usage) }.write(out);
        Frame::MessageStop.write(out);
    }
}
