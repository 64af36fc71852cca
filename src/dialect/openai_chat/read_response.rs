//! Reads a vendor's whole answer into the hub.

use serde_json::{Map, Value};

use super::{finish, usage, whole};
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Choice, Citation, Part, PartKind, Response, Usage};

/// Reads an answer with a success status. An error of the vendor's inside it, or another shape, is an `Err`.
pub fn read(body: &[u8]) -> Result<Response, ApiError> {
    let invalid = || ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a chat completion");
    let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| invalid())?;
    whole::normalize(&mut body, "", 0)?;
    // Without a choice nothing was answered, which other dialects cannot say.
    let raw = body.get("choices").and_then(Value::as_array).filter(|choices| !choices.is_empty()).ok_or_else(invalid)?;
    let choices = raw.iter().map(|raw| read_choice(raw).ok_or_else(invalid)).collect::<Result<_, _>>()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let tier = body.get("service_tier").and_then(Value::as_str);
    Ok(Response {
        id: text("id"),
        model: text("model"),
        created: body.get("created").and_then(Value::as_u64).filter(|at| *at > 0),
        choices,
        usage: body.get("usage").and_then(usage::read).map(|usage| Usage { tier: tier.map_or(usage.tier, ServiceTier::of), ..usage }),
        service_tier: text("service_tier"),
    })
}

fn read_choice(raw: &Value) -> Option<Choice> {
    let message = raw.get("message")?.as_object()?;
    Some(Choice {
        index: raw.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok()).unwrap_or(0),
        parts: read_parts(message),
        finish: finish::read(raw.get("finish_reason").and_then(Value::as_str).unwrap_or_default()),
        stop_sequence: None,
        logprobs: raw.get("logprobs").filter(|value| value.is_object()).cloned(),
        citations: citations(message).collect(),
    })
}

/// What the model said, reasoning first.
fn read_parts(message: &Map<String, Value>) -> Vec<Part> {
    let text = |key: &str| message.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut kinds = read_thinking(message);
    kinds.extend(text("content").map(PartKind::Text));
    kinds.extend(text("refusal").map(PartKind::Refusal));
    kinds.extend(message.get("tool_calls").and_then(Value::as_array).into_iter().flatten().filter_map(read_call));
    if let Some(Value::Object(call)) = message.get("function_call") {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        // The legacy form has no id; the name serves, as an answer holds one such call at most.
        kinds.push(PartKind::ToolCall { id: text("name"), name: text("name"), arguments: text("arguments"), custom: false });
    }
    kinds.into_iter().map(Part::from).collect()
}

/// Reasoning in each of its forms, from an answer or from an assistant message that a client sends back:
/// `thinking_blocks` (ours), `reasoning_details` (OpenRouter's), `reasoning_content`.
pub fn read_thinking(message: &Map<String, Value>) -> Vec<PartKind> {
    let list = |key: &str| message.get(key).and_then(Value::as_array).filter(|list| !list.is_empty());
    if let Some(blocks) = list("thinking_blocks") {
        return blocks.iter().filter_map(read_block).collect();
    }
    let content = message.get("reasoning_content").or_else(|| message.get("reasoning")).and_then(Value::as_str).filter(|t| !t.is_empty());
    let mut kinds: Vec<PartKind> = list("reasoning_details").into_iter().flatten().filter_map(read_detail).collect();
    if let Some(content) = content
        && !kinds.iter().any(|kind| matches!(kind, PartKind::Thinking { .. }))
    {
        kinds.insert(0, PartKind::Thinking { text: content.to_owned(), signature: None });
    }
    kinds
}

fn read_block(block: &Value) -> Option<PartKind> {
    let text = |key: &str| block.get(key).and_then(Value::as_str).map(str::to_owned);
    match block.get("type").and_then(Value::as_str)? {
        "thinking" => Some(PartKind::Thinking { text: text("thinking").unwrap_or_default(), signature: text("signature") }),
        "redacted_thinking" => Some(PartKind::RedactedThinking { data: text("data")? }),
        _ => None,
    }
}

fn read_detail(detail: &Value) -> Option<PartKind> {
    let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    match detail.get("type").and_then(Value::as_str)? {
        "reasoning.text" => Some(PartKind::Thinking { text: text("text")?, signature: text("signature") }),
        "reasoning.summary" => Some(PartKind::Thinking { text: text("summary")?, signature: None }),
        "reasoning.encrypted" => Some(PartKind::RedactedThinking { data: text("data")? }),
        _ => None,
    }
}

/// A function call or a custom tool's call, of an answer or of an assistant message.
pub fn read_call(call: &Value) -> Option<PartKind> {
    let id = call.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (inner, key, custom) = match call.get("function") {
        Some(function) => (function, "arguments", false),
        None => (call.get("custom")?, "input", true),
    };
    let name = inner.get("name").and_then(Value::as_str)?.to_owned();
    let arguments = match inner.get(key) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    Some(PartKind::ToolCall { id, name, arguments, custom })
}

/// The `url_citation` annotations of a message or delta.
pub fn citations(message: &Map<String, Value>) -> impl Iterator<Item = Citation> {
    message.get("annotations").and_then(Value::as_array).into_iter().flatten().filter_map(|annotation| {
        let inner = annotation.get("url_citation")?;
        let text = |key: &str| inner.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Citation {
            url: text("url"),
            title: text("title"),
            start: inner.get("start_index").and_then(Value::as_u64),
            end: inner.get("end_index").and_then(Value::as_u64),
            native: None,
        })
    })
}
