//! Writes a stream to a client: one item after the other, each opened, told and closed before the next, every event numbered.

use bytes::{BufMut, BytesMut};
use serde_json::{Value, json};

use super::envelope::Envelope;
use super::frame::{Delta, merge, write};
use super::{error, items, reasoning_item};
use crate::base::id;
use crate::chat::{Event, FinishReason, Usage};
use crate::dialect::{Encode, Reply};

/// A comment, which every client of the format skips.
pub(super) const HEARTBEAT: &[u8] = b": ping\n\n";

/// The state of one stream.
pub(super) struct Encoder {
    envelope: Envelope,
    /// The next event's number.
    number: u64,
    started: bool,
    /// Items that are closed.
    output: Vec<Value>,
    open: Open,
    /// What came while a call was open: its arguments may still go on, so other items wait until the end.
    held: Vec<Event>,
    finish: FinishReason,
    usage: Option<Usage>,
}

/// The item that is being written.
enum Open {
    None,
    Message(Message),
    Reasoning { id: String, text: String },
    Call { index: u32, id: String, call_id: String, name: String, arguments: String, is_custom: bool },
}

struct Message {
    id: String,
    /// Parts that are closed.
    content: Vec<Value>,
    /// The open part's text.
    text: String,
    is_refusal: bool,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.envelope.begin(id, model, created);
                self.usage = usage.or(self.usage);
                self.start(out);
            }
            Event::Ping => out.put_slice(HEARTBEAT),
            Event::Error(error) => error::write_error_event(&error, out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish { choice: 0, reason, .. } => {
                self.finish = reason;
                self.flush(out);
            }
            Event::Finish { .. } => {}
            Event::Done => self.done(out),
            Event::Text { choice, .. }
            | Event::Thinking { choice, .. }
            | Event::Signature { choice, .. }
            | Event::RedactedThinking { choice, .. }
            | Event::ToolStart { choice, .. }
            | Event::ToolArguments { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::Citation { choice, .. }
            | Event::Logprobs { choice, .. } => {
                if choice == 0 {
                    self.start(out);
                    self.content(event, out);
                }
            }
        }
    }
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        Self {
            envelope: Envelope::new(reply),
            number: 0,
            started: false,
            output: Vec::new(),
            open: Open::None,
            held: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
        }
    }

    fn start(&mut self, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.started, true) {
            for name in ["response.created", "response.in_progress"] {
                let response = self.envelope.in_progress();
                self.put(name, json!({ "response": response }), out);
            }
        }
    }

    /// Writes a piece of the answer, or holds it while a call is open.
    fn content(&mut self, event: Event, out: &mut BytesMut) {
        match (&self.open, event) {
            (Open::Call { index: open, .. }, Event::ToolArguments { index, fragment, .. }) if index == *open => {
                self.arguments(&fragment, out)
            }
            (Open::Call { .. }, Event::ToolArguments { choice, index, fragment }) => {
                let held = self.held.iter_mut().find_map(|held| match held {
                    Event::ToolArguments { index: at, fragment, .. } if *at == index => Some(fragment),
                    _ => None,
                });
                match held {
                    Some(held) => held.push_str(&fragment),
                    None => self.held.push(Event::ToolArguments { choice, index, fragment }),
                }
            }
            (Open::Call { .. }, Event::ToolStart { choice, index, id, name }) => {
                let arguments = Event::ToolArguments { choice, index, fragment: String::new() };
                self.held.extend([Event::ToolStart { choice, index, id, name }, arguments]);
            }
            (Open::Call { .. }, event) => self.held.push(event),
            (_, event) => self.item(event, out),
        }
    }

    fn item(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Text { text, .. } if !text.is_empty() => self.say(&text, false, out),
            Event::Refusal { text, .. } if !text.is_empty() => self.say(&text, true, out),
            Event::Thinking { text, .. } if !text.is_empty() => self.think(&text, out),
            Event::Signature { signature, .. } => {
                let proof = reasoning_item::proof_to_client(&signature);
                self.reasoning(out);
                self.close_with(Some(proof), out);
            }
            Event::RedactedThinking { data, .. } => {
                self.close(out);
                self.reasoning(out);
                self.close_with(Some(reasoning_item::redacted_to_client(&data)), out);
            }
            Event::ToolStart { index, id: call_id, name, .. } => self.call(index, call_id, name, out),
            Event::ToolArguments { index, fragment, .. } => {
                if matches!(&self.open, Open::Call { index: open, .. } if *open == index) {
                    self.arguments(&fragment, out);
                }
            }
            Event::Citation { citation, .. } => {
                if let Some(annotation) = items::annotation(&citation) {
                    self.annotate(annotation, out);
                }
            }
            Event::Logprobs { value, .. } => {
                self.message(false, out);
                if let Open::Message(message) = &mut self.open {
                    message.logprobs.extend(items::logprobs(&value));
                }
            }
            _ => {}
        }
    }

    /// Makes sure that a message is open, in a part of the right kind.
    fn message(&mut self, is_refusal: bool, out: &mut BytesMut) {
        let is_open = match &self.open {
            Open::Message(message) if message.is_refusal == is_refusal => return,
            Open::Message(_) => true,
            _ => false,
        };
        if is_open {
            self.close_part(out);
        } else {
            self.close(out);
            let id = id::random("msg_", 32);
            self.add(&items::message(&id, "in_progress", &[]), out);
            let (content, text) = (Vec::new(), String::new());
            self.open = Open::Message(Message { id, content, text, is_refusal, annotations: Vec::new(), logprobs: Vec::new() });
        }
        let Open::Message(message) = &mut self.open else { return };
        message.is_refusal = is_refusal;
        let part = if is_refusal { items::refusal("") } else { items::output_text("", &[], &[]) };
        let place = json!({"item_id": message.id, "output_index": self.output.len(), "content_index": message.content.len(), "part": part});
        self.put("response.content_part.added", place, out);
    }

    fn say(&mut self, delta: &str, is_refusal: bool, out: &mut BytesMut) {
        self.message(is_refusal, out);
        let Open::Message(message) = &mut self.open else { return };
        message.text.push_str(delta);
        let r#type = if is_refusal { "response.refusal.delta" } else { "response.output_text.delta" };
        let delta = Delta {
            r#type,
            sequence_number: self.number,
            item_id: &message.id,
            output_index: self.output.len(),
            content_index: Some(message.content.len()),
            summary_index: None,
            delta,
            logprobs: (!is_refusal).then_some([]),
        };
        write(r#type, &delta, out);
        self.number += 1;
    }

    fn annotate(&mut self, annotation: Value, out: &mut BytesMut) {
        let Open::Message(message) = &mut self.open else { return };
        if message.is_refusal {
            return;
        }
        let place = json!({"item_id": message.id, "output_index": self.output.len(), "content_index": message.content.len(),
            "annotation_index": message.annotations.len(), "annotation": annotation});
        message.annotations.push(annotation);
        self.put("response.output_text.annotation.added", place, out);
    }

    /// Makes sure that a reasoning item is open.
    fn reasoning(&mut self, out: &mut BytesMut) {
        if !matches!(self.open, Open::Reasoning { .. }) {
            self.close(out);
            let id = id::random("rs_", 32);
            self.add(&json!({"id": id, "type": "reasoning", "status": "in_progress", "summary": []}), out);
            self.open = Open::Reasoning { id, text: String::new() };
        }
    }

    fn think(&mut self, delta: &str, out: &mut BytesMut) {
        self.reasoning(out);
        let Open::Reasoning { id, text } = &mut self.open else { return };
        let output_index = self.output.len();
        let first = text.is_empty();
        text.push_str(delta);
        let item_id = id.clone();
        if first {
            let place =
                json!({"item_id": item_id, "output_index": output_index, "summary_index": 0, "part": reasoning_item::summary_part("")});
            self.put("response.reasoning_summary_part.added", place, out);
        }
        let r#type = "response.reasoning_summary_text.delta";
        let (content_index, summary_index) = (None, Some(0));
        let sequence_number = self.number;
        write(
            r#type,
            &Delta { r#type, sequence_number, item_id: &item_id, output_index, content_index, summary_index, delta, logprobs: None },
            out,
        );
        self.number += 1;
    }

    fn call(&mut self, index: u32, call_id: String, name: String, out: &mut BytesMut) {
        self.close(out);
        let is_custom = self.envelope.is_custom(&name);
        let id = id::random(if is_custom { "ctc_" } else { "fc_" }, 32);
        let build = if is_custom { items::custom_call } else { items::function_call };
        self.add(&build(&id, &call_id, &name, "", "in_progress"), out);
        self.open = Open::Call { index, id, call_id, name, arguments: String::new(), is_custom };
    }

    /// Arguments go out as they come; free text has to be whole before it can be told from its wrapping.
    fn arguments(&mut self, delta: &str, out: &mut BytesMut) {
        let Open::Call { id, arguments, is_custom, .. } = &mut self.open else { return };
        arguments.push_str(delta);
        if !*is_custom && !delta.is_empty() {
            let r#type = "response.function_call_arguments.delta";
            let (sequence_number, output_index) = (self.number, self.output.len());
            let (content_index, summary_index, logprobs) = (None, None, None);
            write(
                r#type,
                &Delta { r#type, sequence_number, item_id: id, output_index, content_index, summary_index, delta, logprobs },
                out,
            );
            self.number += 1;
        }
    }

    /// Closes the open part of a message.
    fn close_part(&mut self, out: &mut BytesMut) {
        let Open::Message(message) = &mut self.open else { return };
        let text = std::mem::take(&mut message.text);
        let logprobs = std::mem::take(&mut message.logprobs);
        let place = json!({"item_id": message.id, "output_index": self.output.len(), "content_index": message.content.len()});
        let (name, mut done, part) = if message.is_refusal {
            ("response.refusal.done", json!({ "refusal": text }), items::refusal(&text))
        } else {
            let annotations = std::mem::take(&mut message.annotations);
            let part = items::output_text(&text, &annotations, &logprobs);
            ("response.output_text.done", json!({"text": text, "logprobs": logprobs}), part)
        };
        message.content.push(part.clone());
        merge(&mut done, place.clone());
        self.put(name, done, out);
        let mut closed = json!({ "part": part });
        merge(&mut closed, place);
        self.put("response.content_part.done", closed, out);
    }

    fn close(&mut self, out: &mut BytesMut) {
        self.close_with(None, out);
    }

    /// Closes the open item; `proof` is a reasoning item's.
    fn close_with(&mut self, proof: Option<String>, out: &mut BytesMut) {
        self.close_part(out);
        let output_index = self.output.len();
        let item = match std::mem::replace(&mut self.open, Open::None) {
            Open::None => return,
            Open::Message(message) => items::message(&message.id, "completed", &message.content),
            Open::Reasoning { id, text } => {
                if !text.is_empty() {
                    let place = json!({"item_id": id, "output_index": output_index, "summary_index": 0});
                    let (mut done, mut closed) = (json!({ "text": text }), json!({ "part": reasoning_item::summary_part(&text) }));
                    merge(&mut done, place.clone());
                    merge(&mut closed, place);
                    self.put("response.reasoning_summary_text.done", done, out);
                    self.put("response.reasoning_summary_part.done", closed, out);
                }
                reasoning_item::to_client(&id, &text, proof.as_deref())
            }
            Open::Call { id, call_id, name, arguments, is_custom, .. } => {
                let item = items::call(&id, &call_id, &name, &arguments, is_custom);
                let place = json!({"item_id": id, "output_index": output_index});
                let (kind, field) = if is_custom { ("custom_tool_call_input", "input") } else { ("function_call_arguments", "arguments") };
                let told = item.get(field).cloned().unwrap_or_default();
                if is_custom || arguments.is_empty() {
                    let mut delta = json!({ "delta": told });
                    merge(&mut delta, place.clone());
                    self.put(&format!("response.{kind}.delta"), delta, out);
                }
                let mut done = json!({ field: told, "name": name });
                merge(&mut done, place);
                self.put(&format!("response.{kind}.done"), done, out);
                item
            }
        };
        self.put("response.output_item.done", json!({"output_index": output_index, "item": item}), out);
        self.output.push(item);
    }

    /// Opens an item.
    fn add(&mut self, item: &Value, out: &mut BytesMut) {
        self.put("response.output_item.added", json!({"output_index": self.output.len(), "item": item}), out);
    }

    /// Closes the open item and writes everything held.
    fn flush(&mut self, out: &mut BytesMut) {
        for event in std::mem::take(&mut self.held) {
            self.item(event, out);
        }
        self.close(out);
    }

    fn done(&mut self, out: &mut BytesMut) {
        self.start(out);
        self.flush(out);
        let (response, complete) = self.envelope.ended(self.finish, &self.output, self.usage.as_ref());
        self.put(if complete { "response.completed" } else { "response.incomplete" }, json!({ "response": response }), out);
    }

    /// Writes an event with its type and number.
    fn put(&mut self, name: &str, mut event: Value, out: &mut BytesMut) {
        merge(&mut event, json!({"type": name, "sequence_number": self.number}));
        self.number += 1;
        write(name, &event, out);
    }
}
