//! An answer as it comes from a vendor, turned into OpenAI's form, in which it is read. A stream's events have the form of a
//! whole answer, but for the end that is not there yet: its word is "null".

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error;
use crate::chat::{ApiError, Citation, Response, Usage};
use crate::dialect::Dialect;
use crate::dialect::openai_chat::OpenAiChat;

#[derive(Deserialize)]
pub(super) struct Answer {
    output: Output,
    #[serde(default)]
    usage: Option<Counts>,
    #[serde(default)]
    request_id: Option<String>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    /// Of an answer in the older form, which is one text.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    search_info: Option<Search>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: Option<u32>,
    #[serde(default)]
    finish_reason: Option<String>,
    #[serde(default)]
    message: Map<String, Value>,
    #[serde(default)]
    logprobs: Option<Value>,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    search_results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(alias = "prompt_tokens")]
    input_tokens: Option<u64>,
    #[serde(alias = "completion_tokens")]
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    audio_tokens: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

impl Choice {
    /// The word of its end, if it has ended.
    pub(super) fn end(&self) -> Option<&str> {
        self.finish_reason.as_deref().filter(|word| !matches!(*word, "" | "null"))
    }

    /// How many bytes it says.
    pub(super) fn said(&self) -> usize {
        let calls = self.message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
        let arguments = calls.filter_map(|call| call.get("function")?.get("arguments")?.as_str()).map(str::len);
        let thought = self.message.get("reasoning_content").and_then(Value::as_str).unwrap_or_default().len();
        self.text().len() + thought + arguments.sum::<usize>()
    }

    fn text(&self) -> String {
        match self.message.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
            _ => String::new(),
        }
    }

    /// In OpenAI's form, the message under `delta` in a stream.
    fn openai(&self, at: usize, key: &str) -> Value {
        let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant"))]);
        let text = self.text();
        if !text.is_empty() || key == "message" {
            message.insert("content".into(), text.into());
        }
        for name in ["reasoning_content", "tool_calls"] {
            if let Some(value) = self.message.get(name).filter(|value| !value.is_null() && **value != "") {
                message.insert(name.into(), value.clone());
            }
        }
        let index = self.index.map_or(json!(at), Value::from);
        json!({"index": index, key: message, "logprobs": self.logprobs, "finish_reason": self.end()})
    }
}

impl Answer {
    /// Reads an answer, or the error in its place, which comes with a success status. `invalid` is the error for what is neither.
    pub(super) fn read(data: &[u8], invalid: fn() -> ApiError) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(data).map_err(|_| invalid())?;
        if value.get("code").and_then(Value::as_str).is_some_and(|code| !code.is_empty()) || value.get("error").is_some() {
            return Err(error::in_band(&value, data));
        }
        if !value.is_object() {
            return Err(invalid());
        }
        serde_json::from_value(value).map_err(|_| invalid())
    }

    /// The choices; an answer in the older form is one.
    pub(super) fn choices(&mut self) -> Vec<Choice> {
        let (text, finish_reason) = (self.output.text.take(), self.output.finish_reason.take());
        let choices = self.output.choices.take().filter(|choices| !choices.is_empty());
        choices.unwrap_or_else(|| {
            let message = text.map(|text| ("content".to_owned(), text.into())).into_iter().collect();
            vec![Choice { index: None, finish_reason, message, logprobs: None }]
        })
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let counts = self.usage.as_ref()?;
        if counts.input_tokens.is_none() && counts.output_tokens.is_none() {
            return None;
        }
        let (prompt, input) = (counts.prompt_tokens_details.unwrap_or_default(), counts.input_tokens_details.unwrap_or_default());
        let output = counts.output_tokens_details.unwrap_or_default();
        Some(Usage {
            prompt: counts.input_tokens.unwrap_or(0),
            completion: counts.output_tokens.unwrap_or(0),
            cached: prompt.cached_tokens.or(input.cached_tokens),
            cache_write: prompt.cache_creation_input_tokens.or(input.cache_creation_input_tokens),
            reasoning: output.reasoning_tokens,
            audio_in: input.audio_tokens.or(prompt.audio_tokens).or(counts.audio_tokens),
            audio_out: output.audio_tokens,
            ..Usage::default()
        })
    }

    /// The answer in OpenAI's form but for usage and sources, messages under `key`. Choices of an answer without a number are counted.
    pub(super) fn openai(&mut self, key: &str) -> Value {
        let choices = self.choices();
        let choices: Vec<Value> = choices.iter().enumerate().map(|(at, choice)| choice.openai(at, key)).collect();
        json!({ "id": self.request_id, "choices": choices })
    }

    /// The pages that a search has found.
    pub(super) fn sources(&mut self) -> impl Iterator<Item = Citation> + use<> {
        let found = self.output.search_info.take().map(|search| search.search_results).unwrap_or_default();
        let with_url = found.into_iter().filter(|found| found.url.is_some());
        with_url.map(|Found { url, title }| Citation { url, title, ..Citation::default() })
    }
}

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let mut answer = Answer::read(body, invalid)?;
    let usage = answer.usage();
    let openai = answer.openai("message");
    let ended = |choices: &Vec<Value>| choices.iter().all(|choice| choice.get("finish_reason").is_some_and(Value::is_string));
    if !openai.get("choices").and_then(Value::as_array).is_some_and(ended) {
        return Err(invalid());
    }
    let mut response = OpenAiChat.read_response(openai.to_string().as_bytes())?;
    response.usage = usage;
    if let Some(first) = response.choices.first_mut() {
        first.citations.extend(answer.sources());
    }
    Ok(response)
}

/// The 502 for a body that is cut or not an answer of this dialect.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole DashScope answer")
}
