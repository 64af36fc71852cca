//! The form in which a client wants its answer, as its request says.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::head::MULTIMODAL_TASK;

/// What of a message there is to tell.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) content: &'a str,
    pub(super) reasoning: &'a str,
    pub(super) calls: Vec<Value>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Of a stream: each event tells what is new, not all there is so far.
    pub(super) incremental: bool,
    /// Content is a list of parts.
    multimodal: bool,
    /// Choices with messages.
    message: bool,
    /// The older form: one text.
    text: bool,
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    incremental_output: Option<bool>,
    #[serde(default)]
    result_format: Option<String>,
}

impl Wanted {
    /// Reads a request's body. Which form is meant unasked depends on the model, so both are given.
    pub(super) fn by(request: &[u8]) -> Self {
        let Body { task, parameters } = serde_json::from_slice(request).unwrap_or_default();
        let Parameters { incremental_output, result_format } = parameters.unwrap_or_default();
        let multimodal = task.as_deref() == Some(MULTIMODAL_TASK);
        Self {
            incremental: incremental_output == Some(true),
            multimodal,
            message: multimodal || result_format.as_deref() != Some("text"),
            text: !multimodal && result_format.as_deref() != Some("message"),
        }
    }

    /// The `output` of one choice.
    pub(super) fn output(self, index: u32, said: Said<'_>, logprobs: Option<&Value>, finish: &str) -> Map<String, Value> {
        let mut output = Map::new();
        if self.text {
            output.insert("text".into(), said.content.into());
            output.insert("finish_reason".into(), finish.into());
        }
        // The older form has no place for calls.
        if self.message || !said.calls.is_empty() {
            let mut choice = json!({"finish_reason": finish, "index": index, "message": self.message(said)});
            if let (Some(logprobs), Value::Object(choice)) = (logprobs, &mut choice) {
                choice.insert("logprobs".into(), logprobs.clone());
            }
            output.insert("choices".into(), json!([choice]));
        }
        output
    }

    fn message(self, said: Said<'_>) -> Value {
        let content = match said.content {
            text if !self.multimodal => text.into(),
            "" => json!([]),
            text => json!([{ "text": text }]),
        };
        let mut message = Map::from_iter([("role".to_owned(), Value::from("assistant")), ("content".to_owned(), content)]);
        if !said.reasoning.is_empty() {
            message.insert("reasoning_content".into(), said.reasoning.into());
        }
        if !said.calls.is_empty() {
            message.insert("tool_calls".into(), said.calls.into());
        }
        message.into()
    }
}
