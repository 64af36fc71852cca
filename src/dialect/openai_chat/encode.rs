//! Writes the hub's events as a strict stream of `chat.completion.chunk`.
//!
//! Every chunk has the same id, creation time and model. A choice opens with its role, a tool call with its id and name, and
//! either is said once. A choice ends with exactly one finish chunk, the stream with `[DONE]`, and only if the answer is whole.
//! For clients that take a call in one piece only it waits, whole, for the finish chunk.
//! Signed and redacted reasoning goes out as `delta.thinking_blocks` just before the finish chunk (see `write_response`).

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::{Value, json};

use super::write_response::{annotations, redacted_block, thinking_block};
use super::{editor, error, finish, usage};
use crate::base::id;
use crate::chat::{Citation, Event, FinishReason, Usage};
use crate::dialect::{Encode, Reply};

/// A comment, which every client of the format skips.
pub const HEARTBEAT: &[u8] = b": ping\n\n";

/// Writes one stream.
#[derive(Debug)]
pub struct Encoder {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
    usage: Option<Usage>,
    choices: Vec<Choice>,
    /// A tool call is told in one piece.
    whole_calls: bool,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    opened: bool,
    finished: bool,
    /// For each tool call, whether it has arguments.
    calls: Vec<bool>,
    /// Tool calls that wait until they are whole.
    held: Vec<HeldCall>,
    /// The reasoning since the last block was closed.
    thinking: String,
    blocks: Vec<Value>,
    citations: Vec<Citation>,
}

#[derive(Debug)]
struct HeldCall {
    index: u32,
    id: String,
    name: String,
    arguments: String,
}

impl Encoder {
    pub fn new(reply: &Reply, whole_calls: bool) -> Self {
        Self {
            id: id::random("chatcmpl-", 29),
            created: reply.created,
            model: reply.upstream_model.clone(),
            include_usage: reply.include_usage,
            usage: None,
            choices: Vec::new(),
            whole_calls,
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed just above")]
        &mut self.choices[at]
    }

    /// Writes a choice's opening chunk, once.
    fn open(&mut self, choice: u32, content: Option<&'static str>, out: &mut BytesMut) {
        if !std::mem::replace(&mut self.choice(choice).opened, true) {
            self.chunk(choice, &Delta::Opening { role: "assistant", content }, &Value::Null, None, out);
        }
    }

    fn delta(&mut self, choice: u32, delta: &Delta<'_>, out: &mut BytesMut) {
        let speaks = !matches!(delta, Delta::ToolCalls(_) | Delta::Refusal(_));
        self.open(choice, speaks.then_some(""), out);
        self.chunk(choice, delta, &Value::Null, None, out);
    }

    fn chunk(&self, choice: u32, delta: &Delta<'_>, logprobs: &Value, finish_reason: Option<&str>, out: &mut BytesMut) {
        self.write(&[ChunkChoice { index: choice, delta, logprobs, finish_reason }], None, out);
    }

    fn write(&self, choices: &[ChunkChoice<'_>], usage: Option<&usage::Wire>, out: &mut BytesMut) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage: self.include_usage.then_some(usage),
        };
        put(out, &chunk);
    }

    /// Everything that was held for the end of a choice, then its finish chunk.
    fn finish(&mut self, choice: u32, reason: FinishReason, out: &mut BytesMut) {
        let state = self.choice(choice);
        if std::mem::replace(&mut state.finished, true) {
            return;
        }
        let (blocks, notes) = (std::mem::take(&mut state.blocks), annotations(&state.citations));
        let empty = |(at, has_arguments): (usize, &bool)| (!has_arguments).then(|| json!({"index": at, "function": {"arguments": "{}"}}));
        let missing: Vec<Value> = state.calls.iter().enumerate().filter_map(empty).collect();
        let held: Vec<Value> = std::mem::take(&mut state.held).iter().map(HeldCall::write).collect();
        let word = finish::write(reason, !state.calls.is_empty());
        for delta in
            [Delta::ThinkingBlocks(&blocks), Delta::Annotations(&notes), Delta::ToolCalls(if self.whole_calls { &held } else { &missing })]
        {
            if !delta.is_empty() {
                self.delta(choice, &delta, out);
            }
        }
        self.open(choice, Some(""), out);
        self.chunk(choice, &Delta::Empty {}, &Value::Null, Some(word), out);
    }
}

impl HeldCall {
    fn write(&self) -> Value {
        let arguments = if self.arguments.is_empty() { "{}" } else { &self.arguments };
        json!({"index": self.index, "id": self.id, "type": "function", "function": {"name": self.name, "arguments": arguments}})
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { id, model, created, usage } => {
                self.id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| std::mem::take(&mut self.id));
                self.model = model.filter(|model| !model.is_empty()).unwrap_or_else(|| std::mem::take(&mut self.model));
                self.created = created.unwrap_or(self.created);
                self.usage = usage;
            }
            Event::Text { choice, text } if !text.is_empty() => self.delta(choice, &Delta::Content(&text), out),
            Event::Thinking { choice, text } if !text.is_empty() => {
                self.choice(choice).thinking.push_str(&text);
                self.delta(choice, &Delta::Reasoning(&text), out);
            }
            Event::Refusal { choice, text } if !text.is_empty() => self.delta(choice, &Delta::Refusal(&text), out),
            Event::Text { .. } | Event::Thinking { .. } | Event::Refusal { .. } => {}
            Event::Signature { choice, signature } => {
                let state = self.choice(choice);
                let text = std::mem::take(&mut state.thinking);
                state.blocks.push(thinking_block(&text, &signature));
            }
            Event::RedactedThinking { choice, data } => self.choice(choice).blocks.push(redacted_block(&data)),
            Event::ToolStart { choice, index, id, name } => {
                self.choice(choice).calls.push(false);
                if self.whole_calls {
                    self.choice(choice).held.push(HeldCall { index, id, name, arguments: String::new() });
                    return;
                }
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": index, "id": id, "type": "function", "function": function});
                self.delta(choice, &Delta::ToolCalls(&[call]), out);
            }
            Event::ToolArguments { choice, index, fragment } if self.whole_calls => {
                let held = self.choice(choice).held.iter_mut().find(|call| call.index == index);
                held.into_iter().for_each(|call| call.arguments.push_str(&fragment));
            }
            Event::ToolArguments { choice, index, fragment } if !fragment.is_empty() => {
                if let Some(has_arguments) = self.choice(choice).calls.get_mut(index as usize) {
                    *has_arguments = true;
                }
                self.delta(choice, &Delta::ToolCalls(&[json!({"index": index, "function": {"arguments": fragment}})]), out);
            }
            Event::ToolArguments { .. } => {}
            Event::Citation { choice, citation } => self.choice(choice).citations.push(citation),
            Event::Logprobs { choice, value } => {
                self.open(choice, Some(""), out);
                self.chunk(choice, &Delta::Empty {}, &value, None, out);
            }
            Event::Finish { choice, reason, .. } => self.finish(choice, reason, out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Ping => {}
            Event::Error(error) => put(out, &error::write(&error)),
            Event::Done => {
                if self.include_usage
                    && let Some(usage) = self.usage.take()
                {
                    self.write(&[], Some(&usage::Wire::of(&usage)), out);
                }
                out.put_slice(editor::DONE);
            }
        }
    }
}

/// A chunk as it is written: once for every token, so no tree is built for it.
#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<&'a usage::Wire>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: &'a Delta<'a>,
    logprobs: &'a Value,
    finish_reason: Option<&'a str>,
}

/// What a chunk adds to its choice, under the name of the one field it consists of.
#[derive(Serialize)]
enum Delta<'a> {
    #[serde(rename = "content")]
    Content(&'a str),
    #[serde(rename = "reasoning_content")]
    Reasoning(&'a str),
    #[serde(rename = "refusal")]
    Refusal(&'a str),
    #[serde(rename = "tool_calls")]
    ToolCalls(&'a [Value]),
    #[serde(rename = "thinking_blocks")]
    ThinkingBlocks(&'a [Value]),
    #[serde(rename = "annotations")]
    Annotations(&'a [Value]),
    #[serde(untagged)]
    Opening { role: &'static str, content: Option<&'static str> },
    #[serde(untagged)]
    Empty {},
}

impl Delta<'_> {
    /// A list without items, which is not worth a chunk.
    fn is_empty(&self) -> bool {
        matches!(self, Self::ToolCalls([]) | Self::ThinkingBlocks([]) | Self::Annotations([]))
    }
}

/// Writes one event.
pub fn put(out: &mut BytesMut, value: &impl Serialize) {
    out.put_slice(b"data: ");
    // Writing a JSON value to a buffer that grows cannot fail.
    let _ = serde_json::to_writer(out.writer(), value);
    out.put_slice(b"\n\n");
}
