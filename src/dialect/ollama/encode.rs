//! Writes answers to a client: a stream line by line, and a whole answer as the one line that it is.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::Value;

use super::messages::{Call, Function, arguments_object};
use crate::chat::{Choice, Event, FinishReason, PartKind, Response, Usage};
use crate::dialect::{Encode, Reply};

/// Where a line holds what the model says.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Chat,
    Generate,
}

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    created_at: &'a str,
    #[serde(flatten)]
    said: InForm<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logprobs: Vec<Value>,
    done: bool,
    #[serde(flatten)]
    ending: Option<Ending>,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum InForm<'a> {
    Chat {
        message: Said<'a>,
    },
    Generate {
        response: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        thinking: &'a str,
    },
}

impl Form {
    fn of<'a>(self, said: Said<'a>) -> InForm<'a> {
        match self {
            Self::Chat => InForm::Chat { message: said },
            // A prompt comes without tools, so nothing is called.
            Self::Generate => InForm::Generate { response: said.content, thinking: said.thinking },
        }
    }
}

impl Default for Said<'_> {
    fn default() -> Self {
        Self { role: "assistant", content: "", thinking: "", tool_calls: Vec::new() }
    }
}

#[derive(Serialize)]
struct Ending {
    done_reason: &'static str,
    prompt_eval_count: u64,
    eval_count: u64,
}

impl Ending {
    fn new(finish: FinishReason, usage: Option<Usage>) -> Self {
        let usage = usage.unwrap_or_default();
        let done_reason = if finish == FinishReason::Length { "length" } else { "stop" };
        Self { done_reason, prompt_eval_count: usage.prompt, eval_count: usage.completion }
    }
}

/// Unix seconds in the form of RFC 3339.
pub(super) fn timestamp(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(0)).unwrap_or_default().to_string()
}

/// Writes one line.
pub(super) fn put(out: &mut BytesMut, value: &impl Serialize) {
    // Writing strings and numbers to memory cannot fail.
    let _ = serde_json::to_writer((&mut *out).writer(), value);
    out.put_u8(b'\n');
}

/// The tokens of OpenAI's `logprobs` object.
fn tokens(value: Option<&Value>) -> Vec<Value> {
    value.and_then(|value| value.get("content")).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The answer's JSON. Of several choices only the first fits in: this format has one answer.
pub(super) fn write_response(form: Form, response: Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let (mut content, mut thinking, mut tool_calls) = (String::new(), String::new(), Vec::new());
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => content.push_str(text),
            PartKind::Thinking { text, .. } => thinking.push_str(text),
            PartKind::ToolCall { name, arguments, .. } => {
                tool_calls.push(Call { function: Function { name, arguments: arguments_object(arguments) } });
            }
            // This format has no place for the rest.
            _ => {}
        }
    }
    let line = Line {
        model: response.model.as_deref().unwrap_or(&reply.upstream_model),
        created_at: &timestamp(response.created.unwrap_or(reply.created)),
        said: form.of(Said { content: &content, thinking: &thinking, tool_calls, ..Said::default() }),
        logprobs: tokens(choice.logprobs.as_ref()),
        done: true,
        ending: Some(Ending::new(choice.finish, response.usage)),
    };
    // Strings, numbers and raw values always serialise.
    serde_json::to_vec(&line).unwrap_or_default()
}

/// The state of one stream.
pub(super) struct Encoder {
    form: Form,
    model: String,
    created_at: String,
    /// Calls go out whole, when the answer has finished.
    calls: Vec<(u32, String, String)>,
    finish: FinishReason,
    usage: Option<Usage>,
}

impl Encode for Encoder {
    fn event(&mut self, event: Event, out: &mut BytesMut) {
        match event {
            Event::Start { model, created, usage, .. } => {
                self.model = model.filter(|model| !model.is_empty()).unwrap_or_else(|| std::mem::take(&mut self.model));
                if let Some(created) = created {
                    self.created_at = timestamp(created);
                }
                self.usage = usage;
            }
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.line(Said { content: &text, ..Said::default() }, Vec::new(), None, out);
            }
            Event::Thinking { choice: 0, text } => self.line(Said { thinking: &text, ..Said::default() }, Vec::new(), None, out),
            Event::Logprobs { choice: 0, value } => self.line(Said::default(), tokens(Some(&value)), None, out),
            Event::ToolStart { choice: 0, index, name, .. } => self.calls.push((index, name, String::new())),
            Event::ToolArguments { choice: 0, index, fragment } => {
                if let Some((.., arguments)) = self.calls.iter_mut().find(|(at, ..)| *at == index) {
                    arguments.push_str(&fragment);
                }
            }
            Event::Finish { choice: 0, reason, .. } => {
                self.finish = reason;
                self.flush(out);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Error(error) => put(out, &serde_json::json!({ "error": error.message })),
            Event::Done => {
                self.flush(out);
                self.line(Said::default(), Vec::new(), Some(Ending::new(self.finish, self.usage)), out);
            }
            // Of several answers the first; and this format has no place for proofs and sources.
            _ => {}
        }
    }
}

impl Encoder {
    pub(super) fn new(form: Form, reply: &Reply) -> Self {
        Self {
            form,
            model: reply.upstream_model.clone(),
            created_at: timestamp(reply.created),
            calls: Vec::new(),
            finish: FinishReason::Stop,
            usage: None,
        }
    }

    fn line(&self, message: Said<'_>, logprobs: Vec<Value>, ending: Option<Ending>, out: &mut BytesMut) {
        let done = ending.is_some();
        let said = self.form.of(message);
        put(out, &Line { model: &self.model, created_at: &self.created_at, said, logprobs, done, ending });
    }

    fn flush(&mut self, out: &mut BytesMut) {
        for (_, name, arguments) in std::mem::take(&mut self.calls) {
            let call = Call { function: Function { name: &name, arguments: arguments_object(&arguments) } };
            self.line(Said { tool_calls: vec![call], ..Said::default() }, Vec::new(), None, out);
        }
    }
}
