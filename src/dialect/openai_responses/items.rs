//! Output items as a client gets them, whole.

use serde_json::{Value, json};

use super::tools;
use crate::chat::Citation;

/// A message of the assistant's.
pub(super) fn message(id: &str, status: &str, content: &[Value]) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

/// A piece of a message's text.
pub(super) fn output_text(text: &str, annotations: &[Value], logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs})
}

pub(super) fn refusal(text: &str) -> Value {
    json!({"type": "refusal", "refusal": text})
}

/// A call of a function.
pub(super) fn function_call(id: &str, call_id: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({"id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments})
}

/// A call of a tool that takes free text.
pub(super) fn custom_call(id: &str, call_id: &str, name: &str, input: &str, status: &str) -> Value {
    json!({"id": id, "type": "custom_tool_call", "status": status, "call_id": call_id, "name": name, "input": input})
}

/// The whole item of a call, of either kind.
pub(super) fn call(id: &str, call_id: &str, name: &str, arguments: &str, is_custom: bool) -> Value {
    if is_custom {
        return custom_call(id, call_id, name, &tools::free_text(arguments), "completed");
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    function_call(id, call_id, name, arguments, "completed")
}

/// A citation of a web page; others have no form in this dialect.
pub(super) fn annotation(citation: &Citation) -> Option<Value> {
    let url = citation.url.as_deref()?;
    let title = citation.title.as_deref().unwrap_or_default();
    let (start, end) = (citation.start.unwrap_or(0), citation.end.unwrap_or(0));
    Some(json!({"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}))
}

/// The tokens of OpenAI's `logprobs` object, each with its list of others.
pub(super) fn logprobs(value: &Value) -> Vec<Value> {
    value.get("content").and_then(Value::as_array).cloned().unwrap_or_default()
}
