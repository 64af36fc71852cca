//! Brings a vendor's stream to the letter of the format. The editor (relay) writes the result, the decoder (translation) reads
//! it, so that what vendors do differently is known in this one place (and in `whole` for answers that are no streams).

use serde_json::{Map, Value, json};

use super::calls::Calls;
use super::finish::{self, Word};
use super::{error, message, usage};
use crate::base::id;
use crate::chat::ApiError;

type Object = Map<String, Value>;

/// Brings the chunks of one stream to the letter of the format. The end of a choice is held back until the stream ends, as
/// vendors let more of it follow: another tool call (Together), an error (OpenRouter), a later verdict (Azure).
#[derive(Debug)]
pub struct Normalizer {
    head: Option<Head>,
    /// For streams that do not tell.
    model: String,
    created: u64,
    choices: Vec<Choice>,
    usage: Option<Object>,
}

/// What every chunk of a stream has in common.
#[derive(Debug)]
struct Head {
    id: Value,
    created: Value,
    model: Value,
    /// `chat.completion.chunk`, or `text_completion` of the legacy endpoint.
    object: Value,
}

#[derive(Debug, Default)]
struct Choice {
    index: u64,
    has_role: bool,
    calls: Calls,
    /// The chunk that ends the choice, once the vendor has sent it.
    end: Option<Object>,
}

/// What has become of a chunk.
#[derive(Debug, PartialEq)]
pub enum Chunk {
    /// It did not deviate.
    Same(Object),
    Changed(Object),
    /// Nothing of it is for the client now; its usage and its choices' ends, if any, are kept.
    Nothing,
}

impl Normalizer {
    /// `model` and `created` are for streams that do not tell.
    pub fn new(model: &str, created: u64) -> Self {
        Self { head: None, model: model.to_owned(), created, choices: Vec::new(), usage: None }
    }

    /// Takes the next chunk; an error that the vendor reports in it is an `Err`.
    pub fn chunk(&mut self, mut chunk: Object) -> Result<Chunk, ApiError> {
        report(&chunk)?;
        let mut changed = self.keep_usage(&mut chunk);
        let Some(Value::Array(raw)) = chunk.get_mut("choices").map(Value::take) else { return Ok(Chunk::Nothing) };
        let mut kept = Vec::with_capacity(raw.len());
        for (position, raw) in raw.into_iter().enumerate() {
            let keep = match raw {
                Value::Object(raw) => self.choice(raw, position, &chunk, &mut changed)?,
                _ => None,
            };
            changed |= keep.is_none();
            kept.extend(keep);
        }
        if kept.is_empty() {
            return Ok(Chunk::Nothing);
        }
        chunk.insert("choices".into(), Value::Array(kept));
        changed |= self.fix_head(&mut chunk);
        Ok(if changed { Chunk::Changed(chunk) } else { Chunk::Same(chunk) })
    }

    /// Whether the answer is whole as far as its choices tell.
    pub fn finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.end.is_some())
    }

    /// The latest usage.
    pub fn usage(&self) -> Option<&Object> {
        self.usage.as_ref()
    }

    /// The chunks that end the choices, once the stream has ended.
    pub fn ends(&mut self) -> Vec<Object> {
        let mut ends = Vec::new();
        for choice in &mut self.choices {
            let Some(mut end) = choice.end.take() else { continue };
            let missing = choice.calls.close();
            if !missing.is_empty() {
                let mut arguments = end.clone();
                arguments
                    .insert("choices".into(), json!([{"index": choice.index, "delta": {"tool_calls": missing}, "finish_reason": null}]));
                ends.push(arguments);
            }
            if !choice.calls.is_empty()
                && let Some(word) = end.get_mut("choices").and_then(|choices| choices.get_mut(0)?.get_mut("finish_reason"))
                && *word == "stop"
            {
                *word = "tool_calls".into();
            }
            ends.push(end);
        }
        ends.iter_mut().for_each(|end| {
            self.fix_head(end);
        });
        ends
    }

    /// The usage as the last chunk of the stream.
    pub fn usage_chunk(&mut self) -> Option<Object> {
        let mut chunk = Object::new();
        chunk.insert("choices".into(), json!([]));
        chunk.insert("usage".into(), Value::Object(self.usage.take()?));
        self.fix_head(&mut chunk);
        Some(chunk)
    }

    /// Takes the usage out of a chunk: it goes last, in a chunk of its own. Says whether the chunk was changed by that.
    fn keep_usage(&mut self, chunk: &mut Object) -> bool {
        let found = match chunk.get_mut("usage") {
            Some(slot @ Value::Object(_)) => Some(slot.take()),
            _ => None,
        };
        let changed = found.is_some();
        let found = found.or_else(|| chunk.get("x_groq").and_then(|own| own.get("usage")).cloned());
        if let Some(Value::Object(mut found)) = found {
            usage::normalize(&mut found);
            self.usage = Some(found);
        }
        changed
    }

    /// Gives a chunk the id, creation time and model of the stream's first one.
    fn fix_head(&mut self, chunk: &mut Object) -> bool {
        let head = self.head.get_or_insert_with(|| {
            let or = |key: &str, good: fn(&Value) -> bool, fallback: Value| chunk.get(key).filter(|v| good(v)).cloned().unwrap_or(fallback);
            let has_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
            Head {
                id: or("id", has_text, id::random("chatcmpl-", 29).into()),
                created: or("created", |value| value.as_u64().is_some_and(|at| at > 0), self.created.into()),
                model: or("model", has_text, self.model.as_str().into()),
                object: or("object", |value| value == "text_completion", "chat.completion.chunk".into()),
            }
        });
        let mut changed = false;
        for (key, value) in [("id", &head.id), ("object", &head.object), ("created", &head.created), ("model", &head.model)] {
            if chunk.get(key) != Some(value) {
                chunk.insert(key.into(), value.clone());
                changed = true;
            }
        }
        changed
    }

    /// Repairs one choice of a chunk, whose other fields are `chunk`; `None` when there is nothing of it to send now.
    fn choice(&mut self, mut raw: Object, position: usize, chunk: &Object, changed: &mut bool) -> Result<Option<Value>, ApiError> {
        let index = raw.get("index").and_then(Value::as_u64).unwrap_or_else(|| {
            *changed = true;
            raw.insert("index".into(), position.into());
            position as u64
        });
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        let Some(choice) = self.choices.get_mut(at) else { return Ok(None) };
        let finish = finish_word(&mut raw, changed)?;
        // The legacy endpoint has text instead of a delta; Together sends both.
        let is_legacy = raw.contains_key("text") && !raw.contains_key("delta");
        let says = if is_legacy {
            raw.get("text").is_some_and(|text| text != "")
        } else {
            if !has_delta(&mut raw, finish.is_some(), changed) {
                return Ok(None);
            }
            let Some(Value::Object(delta)) = raw.get_mut("delta") else { return Ok(None) };
            *changed |= message::normalize(delta);
            let opens = !choice.has_role;
            choice.delta(delta, changed);
            opens || message::says_something(delta)
        };
        if finish.is_some() {
            choice.end = Some(end(&raw, chunk, is_legacy));
            raw.insert("finish_reason".into(), Value::Null);
            *changed = true;
        }
        let says_more = says || choice.end.is_none();
        Ok(says_more.then_some(Value::Object(raw)))
    }
}

impl Choice {
    /// Lets the role through once, at the start, and numbers the tool calls.
    fn delta(&mut self, delta: &mut Object, changed: &mut bool) {
        if self.has_role {
            *changed |= delta.shift_remove("role").is_some();
        } else {
            self.has_role = true;
            if delta.get("role").is_none_or(|role| role != "assistant") {
                delta.insert("role".into(), "assistant".into());
                *changed = true;
            }
        }
        if let Some(Value::Array(calls)) = delta.get_mut("tool_calls") {
            let had = !calls.is_empty();
            *changed |= self.calls.normalize(calls);
            if had && calls.is_empty() {
                delta.shift_remove("tool_calls");
            }
        }
    }
}

/// The chunk that ends a choice: everything of the vendor's last one but what the choice said in it.
fn end(choice: &Object, chunk: &Object, is_legacy: bool) -> Object {
    let mut choice = choice.clone();
    if is_legacy {
        choice.insert("text".into(), "".into());
    } else {
        choice.insert("delta".into(), json!({}));
    }
    let mut end = chunk.clone();
    end.insert("choices".into(), json!([choice]));
    end
}

/// The error that a vendor reports inside a chunk or a whole answer.
pub fn report(body: &Object) -> Result<(), ApiError> {
    let told = |value: Option<&Value>| match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if told(body.get("error")) {
        return Err(error::in_band(&Value::Object(body.clone())));
    }
    if let Some(own) = body.get("x_groq").and_then(|own| own.get("error")).filter(|own| told(Some(own))) {
        return Err(error::in_band(&json!({ "error": own })));
    }
    let is_flat = body.get("object").is_some_and(|object| object == "error") || body.contains_key("code") && body.contains_key("message");
    if is_flat && !body.contains_key("choices") {
        return Err(error::in_band(&Value::Object(body.clone())));
    }
    Ok(())
}

/// The finish word of a choice, in OpenAI's words.
pub fn finish_word(raw: &mut Object, changed: &mut bool) -> Result<Option<String>, ApiError> {
    let Some(Value::String(said)) = raw.get("finish_reason") else { return Ok(None) };
    let word = match finish::word(said) {
        Word::Standard => return Ok(Some(said.clone())),
        Word::Means(word) => Some(word),
        Word::NotYet => None,
        Word::Failed => return Err(finish::failure(said)),
    };
    raw.insert("finish_reason".into(), word.into());
    *changed = true;
    Ok(word.map(str::to_owned))
}

/// Sees to it that the choice has a `delta`; `false` for a choice that only annotates (Azure's asynchronous filter).
fn has_delta(raw: &mut Object, finishes: bool, changed: &mut bool) -> bool {
    if raw.get("delta").is_some_and(Value::is_object) {
        return true;
    }
    let message = raw.shift_remove("message").filter(Value::is_object);
    if message.is_none() && !finishes {
        return false;
    }
    raw.insert("delta".into(), message.unwrap_or_else(|| json!({})));
    *changed = true;
    true
}
