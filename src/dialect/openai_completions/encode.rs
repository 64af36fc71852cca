//! Writes answers to a client: a stream chunk by chunk, and a whole answer, which has the same form. What a chat says beside
//! its text (reasoning, sources) has no place in it.

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::logprobs::Wire;
use crate::base::id;
use crate::chat::{Event, FinishReason, PartKind, Response, Usage};
use crate::dialect::openai_chat::{editor, encode, error, finish, usage};
use crate::dialect::{Encode, Reply};

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<usage::Wire>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    text: std::borrow::Cow<'a, str>,
    index: u32,
    logprobs: Option<Wire>,
    finish_reason: Option<&'static str>,
}

/// The prompt, if the client wants to read it before the answer.
fn echo(request: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Prompt {
        One(String),
        Many(Vec<String>),
    }
    #[derive(Deserialize)]
    struct Wish {
        #[serde(default)]
        echo: Option<bool>,
        #[serde(default)]
        prompt: Option<Prompt>,
    }
    match serde_json::from_slice(request) {
        Ok(Wish { echo: Some(true), prompt: Some(Prompt::One(prompt)) }) => prompt,
        Ok(Wish { echo: Some(true), prompt: Some(Prompt::Many(prompts)) }) => prompts.concat(),
        _ => String::new(),
    }
}

fn new_id() -> String {
    id::random("cmpl-", 29)
}

/// The answer's JSON.
pub(super) fn write_response(response: Response, reply: &Reply) -> Vec<u8> {
    let echo = echo(&reply.request);
    let choice = |choice: crate::chat::Choice| {
        let mut text = echo.clone();
        for part in &choice.parts {
            if let PartKind::Text(more) | PartKind::Refusal(more) = &part.kind {
                text.push_str(more);
            }
        }
        let logprobs = choice.logprobs.as_ref().map(|value| Wire::of_hub(value, &mut 0));
        Choice { text: text.into(), index: choice.index, logprobs, finish_reason: Some(word(choice.finish)) }
    };
    let choices: Vec<Choice<'_>> = response.choices.into_iter().map(choice).collect();
    let body = Body {
        id: &response.id.unwrap_or_else(new_id),
        object: "text_completion",
        created: response.created.unwrap_or(reply.created),
        model: response.model.as_deref().unwrap_or(&reply.upstream_model),
        choices: &choices,
        usage: Some(Some(usage::Wire::of(&response.usage.unwrap_or_default()))),
    };
    // Strings and numbers always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Why a text ended. Nothing is called in this dialect.
fn word(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ToolCalls => "stop",
        other => finish::write(other, false),
    }
}

/// The state of one stream.
pub(super) struct Encoder {
    id: String,
    created: u64,
    model: String,
    include_usage: bool,
    usage: Option<Usage>,
    echo: String,
    choices: Vec<Told>,
}

/// What a choice has told so far.
struct Told {
    index: u32,
    /// Where the next token with a log probability begins.
    offset: u64,
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
            Event::Text { choice, text } | Event::Refusal { choice, text } if !text.is_empty() => {
                self.chunk(choice, &text, None, None, out)
            }
            Event::Logprobs { choice, value } => self.chunk(choice, "", Some(&value), None, out),
            Event::Finish { choice, reason, .. } => self.chunk(choice, "", None, Some(word(reason)), out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Error(error) => encode::put(out, &error::write(&error)),
            Event::Done => {
                if let Some(usage) = self.usage.take().filter(|_| self.include_usage) {
                    self.write(&[], Some(usage::Wire::of(&usage)), out);
                }
                out.put_slice(editor::DONE);
            }
            _ => {}
        }
    }
}

impl Encoder {
    pub(super) fn new(reply: &Reply) -> Self {
        Self {
            id: new_id(),
            created: reply.created,
            model: reply.upstream_model.clone(),
            include_usage: reply.include_usage,
            usage: None,
            echo: echo(&reply.request),
            choices: Vec::new(),
        }
    }

    fn chunk(&mut self, index: u32, text: &str, logprobs: Option<&Value>, finish_reason: Option<&'static str>, out: &mut BytesMut) {
        if !self.choices.iter().any(|told| told.index == index) {
            self.choices.push(Told { index, offset: 0 });
            if !self.echo.is_empty() {
                self.write(&[Choice { text: self.echo.as_str().into(), index, logprobs: None, finish_reason: None }], None, out);
            }
        }
        let told = self.choices.iter_mut().find(|told| told.index == index);
        let logprobs = told.zip(logprobs).map(|(told, value)| Wire::of_hub(value, &mut told.offset));
        self.write(&[Choice { text: text.into(), index, logprobs, finish_reason }], None, out);
    }

    fn write(&self, choices: &[Choice<'_>], usage: Option<usage::Wire>, out: &mut BytesMut) {
        // Where the usage was asked for, every chunk has the field.
        let usage = usage.map(Some).or(self.include_usage.then_some(None));
        let body = Body { id: &self.id, object: "text_completion", created: self.created, model: &self.model, choices, usage };
        encode::put(out, &body);
    }
}
