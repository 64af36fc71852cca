//! Writes a stream to a client: one content block after the other, of which only tool calls have a start.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::frame;
use super::usage::WireUsage;
use super::write_response::{Metrics, asks_stop_sequence, response_fields};
use super::{error, signature, stop};
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::dialect::in_turn::InTurn;
use crate::dialect::{Encode, Reply, call_id};

/// The state of one stream.
pub(super) struct Encoder {
    asks_stop_sequence: bool,
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    /// A tool call by its number in the hub.
    Tool(u32),
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { usage, .. } => {
                self.usage = usage.unwrap_or(self.usage);
                self.start(out);
            }
            Event::Usage(usage) => self.usage = usage,
            Event::Error(error) => write_error(&error, out),
            Event::Finish { choice: 0, reason, stop_sequence } => {
                self.finish = Some((reason, stop_sequence));
                self.flush(out);
            }
            Event::Done => self.done(out),
            // This format has one answer, no probabilities and no keep-alive.
            Event::Ping | Event::Logprobs { .. } | Event::Finish { .. } => {}
            content => {
                if content.choice() == 0 {
                    self.start(out);
                    self.order.take(content, &mut self.ready);
                    self.write_ready(out);
                }
            }
        }
    }
}

fn write_error(error: &ApiError, out: &mut BytesMut) {
    frame::exception(error::stream_class(error), &json!({ "message": error.message }), out);
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        Self {
            asks_stop_sequence: asks_stop_sequence(reply),
            usage: Usage::default(),
            started: false,
            next: 0,
            open: None,
            order: InTurn::default(),
            ready: Vec::new(),
            called: false,
            finish: None,
        }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            frame::event("messageStart", &json!({"role": "assistant"}), out);
        }
    }

    fn write_ready(&mut self, out: &mut BytesMut) {
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            self.block(event, out);
        }
        self.ready = ready;
    }

    /// Writes everything held and closes the open block.
    fn flush(&mut self, out: &mut BytesMut) {
        self.order.flush(&mut self.ready);
        self.write_ready(out);
        self.close(out);
    }

    fn block(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } if !text.is_empty() => {
                self.begin(Open::Text, out);
                self.delta(&json!({ "text": text }), out);
            }
            Event::Thinking { text, .. } if !text.is_empty() => {
                self.begin(Open::Thinking, out);
                self.delta(&json!({"reasoningContent": {"text": text}}), out);
            }
            Event::Signature { signature, .. } => {
                self.begin(Open::Thinking, out);
                self.delta(&json!({"reasoningContent": {"signature": signature}}), out);
                self.close(out);
            }
            Event::RedactedThinking { data, .. } => {
                self.close(out);
                self.begin(Open::Thinking, out);
                self.delta(&json!({"reasoningContent": {"redactedContent": signature::write_redacted(&data)}}), out);
                self.close(out);
            }
            Event::ToolStart { index, id, name, .. } => {
                self.called = true;
                self.begin(Open::Tool(index), out);
                let start = json!({"toolUse": {"toolUseId": call_id::accepted(&id, call_id::WORD), "name": name}});
                frame::event("contentBlockStart", &json!({"start": start, "contentBlockIndex": self.next}), out);
            }
            Event::ToolArguments { index, fragment, .. } if !fragment.is_empty() && self.open == Some(Open::Tool(index)) => {
                self.delta(&json!({"toolUse": {"input": fragment}}), out);
            }
            _ => {}
        }
    }

    /// Goes on with a block of this kind, or begins one after closing the one before.
    fn begin(&mut self, open: Open, out: &mut BytesMut) {
        if self.open != Some(open) {
            self.close(out);
            self.open = Some(open);
        }
    }

    fn delta(&self, delta: &Value, out: &mut BytesMut) {
        frame::event("contentBlockDelta", &json!({"delta": delta, "contentBlockIndex": self.next}), out);
    }

    fn close(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            frame::event("contentBlockStop", &json!({"contentBlockIndex": self.next}), out);
            self.next += 1;
        }
    }

    fn done(&mut self, out: &mut BytesMut) {
        self.start(out);
        self.flush(out);
        if self.next == 0 {
            // Clients index the first block.
            self.begin(Open::Text, out);
            self.delta(&json!({"text": ""}), out);
            self.close(out);
        }
        let (reason, stop_sequence) = self.finish.take().unwrap_or((FinishReason::Stop, None));
        let stop_sequence = stop_sequence.as_deref();
        let mut message = json!({"stopReason": stop::write(reason, stop_sequence, self.called)});
        if let Some(fields) = response_fields(stop_sequence, self.asks_stop_sequence)
            && let Value::Object(message) = &mut message
        {
            message.insert("additionalModelResponseFields".to_owned(), fields);
        }
        frame::event("messageStop", &message, out);
        frame::event("metadata", &json!({"usage": WireUsage::of(&self.usage), "metrics": Metrics::default()}), out);
    }
}
