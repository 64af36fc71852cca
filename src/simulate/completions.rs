//! `/completions`: the text completions of old, echoing the prompt.

use bytes::Bytes;
use serde_json::{Value, json};

use super::body::{Frame, Role};
use super::chat::now;
use super::directives::Directives;
use super::router::{Answer, Call};
use super::text::{self, Pieces};
use crate::chat::ApiError;

pub(super) fn answer(call: &Call, directives: &mut Directives) -> Result<Answer, ApiError> {
    let request = object(&call.body)?;
    let Some(prompt) = first_text(request.get("prompt")) else {
        return Err(ApiError::invalid("missing_required_parameter", "prompt", "prompt must be a string or a list of strings"));
    };
    let said = directives.take_from(prompt)?;
    let text = format!("You said: {said}");
    let id = text::id("cmpl-", text::hash(said.as_bytes()));
    let model = call.named.model.clone().map_or_else(|| request.get("model").cloned().unwrap_or_default(), Value::String);
    let (created, model) = (now(), model);
    let (prompt, completion) = (text::tokens(said.chars().count()), text::tokens(text.chars().count()));
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion});
    let object = move |text: &str, finish: Option<&str>, usage: Value| {
        json!({"id": id, "object": "text_completion", "created": created, "model": model, "usage": usage,
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]})
    };
    if request.get("stream") != Some(&Value::Bool(true)) {
        return Ok(Answer::json(&object(&text, Some("stop"), usage)));
    }
    let frame = |role, text: String| Frame { bytes: Bytes::from(format!("data: {text}\n\n")), role };
    let finish = frame(Role::Finish, object("", Some("stop"), Value::Null).to_string());
    let words = Pieces::words(&text).map(move |word| frame(Role::Content, object(&word, None, Value::Null).to_string()));
    let frames = words.chain([finish, frame(Role::Done, "[DONE]".to_owned())]);
    Ok(Answer::Stream { content_type: "text/event-stream", frames: Box::new(frames) })
}

/// The body as a JSON object.
pub(super) fn object(body: &[u8]) -> Result<serde_json::Map<String, Value>, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid_json(error.to_string()))
}

/// A string, or the first string of a list.
pub(super) fn first_text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::String(text) => Some(text),
        Value::Array(list) => list.first()?.as_str(),
        _ => None,
    }
}
