//! Reads a client's input items. Reasoning, text and calls that follow each other are one turn of the assistant's.

use serde_json::Value;
use serde_json::value::RawValue;

use super::reasoning_item;
use crate::chat::{ApiError, DialectId, Media, Message, Part, PartKind, Role};
use crate::dialect::fields::wrong_type;

/// Reads the input: a text, or a list of items.
pub(super) fn read_input(raw: &RawValue, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let value: Value = serde_json::from_str(raw.get()).map_err(|_| wrong_type("input"))?;
    match value {
        Value::String(text) => push(messages, Role::User, vec![PartKind::Text(text)]),
        Value::Array(items) => {
            for (at, item) in items.into_iter().enumerate() {
                read_item(item, &format!("input[{at}]"), messages)?;
            }
        }
        _ => return Err(wrong_type("input")),
    }
    Ok(())
}

/// Adds parts to the last turn of the assistant's, or as a message of their own.
fn push(messages: &mut Vec<Message>, role: Role, kinds: Vec<PartKind>) {
    let parts = kinds.into_iter().map(Part::from);
    match messages.last_mut() {
        Some(last) if last.role == role && matches!(role, Role::Assistant | Role::Tool) => last.parts.extend(parts),
        _ => messages.push(Message { role, name: None, parts: parts.collect() }),
    }
}

fn read_item(item: Value, at: &str, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let needed = |key: &str| text(key).ok_or_else(|| wrong_type(&format!("{at}.{key}")));
    let kind = text("type").unwrap_or_else(|| "message".to_owned());
    match kind.as_str() {
        "message" => {
            let role = match item.get("role").and_then(Value::as_str) {
                Some("user") => Role::User,
                Some("assistant") => Role::Assistant,
                Some("system") => Role::System,
                Some("developer") => Role::Developer,
                _ => return Err(ApiError::invalid("invalid_value", format!("{at}.role"), format!("`{at}.role` is not a role"))),
            };
            let kinds = read_content(item.get("content"), &format!("{at}.content"))?;
            push(messages, role, kinds);
        }
        "function_call" => {
            let call = PartKind::ToolCall { id: needed("call_id")?, name: needed("name")?, arguments: needed("arguments")?, custom: false };
            push(messages, Role::Assistant, vec![call]);
        }
        "custom_tool_call" => {
            let call = PartKind::ToolCall { id: needed("call_id")?, name: needed("name")?, arguments: needed("input")?, custom: true };
            push(messages, Role::Assistant, vec![call]);
        }
        "function_call_output" | "custom_tool_call_output" => {
            let parts = read_content(item.get("output"), &format!("{at}.output"))?.into_iter().map(Part::from).collect();
            push(messages, Role::Tool, vec![PartKind::ToolResult { id: needed("call_id")?, name: None, parts, is_error: false }]);
        }
        "reasoning" => {
            if let Some(thought) = reasoning_item::read(&item) {
                push(messages, Role::Assistant, vec![thought]);
            }
        }
        "item_reference" => {
            let message = format!("`{at}` refers to what only a vendor that keeps answers has");
            return Err(ApiError::invalid("unsupported_parameter", at, message));
        }
        // The vendor's own tools at work.
        _ => push(messages, Role::Assistant, vec![PartKind::Native { dialect: DialectId::OpenAiResponses, value: item }]),
    }
    Ok(())
}

/// Reads content: a text, or a list of parts.
fn read_content(content: Option<&Value>, at: &str) -> Result<Vec<PartKind>, ApiError> {
    match content {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![PartKind::Text(text.clone())]),
        Some(Value::Array(parts)) => {
            parts.iter().enumerate().map(|(index, part)| read_part(part).ok_or_else(|| wrong_type(&format!("{at}[{index}]")))).collect()
        }
        Some(_) => Err(wrong_type(at)),
    }
}

fn read_part(part: &Value) -> Option<PartKind> {
    let text = |key: &str| part.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    Some(match part.get("type").and_then(Value::as_str)? {
        "input_text" | "output_text" | "text" => PartKind::Text(part.get("text")?.as_str()?.to_owned()),
        "refusal" => PartKind::Refusal(part.get("refusal")?.as_str()?.to_owned()),
        "input_image" => {
            let source = match (text("image_url"), text("file_id")) {
                (Some(url), _) => media(&url, "image/png"),
                (None, Some(id)) => Media::FileId(id),
                (None, None) => return None,
            };
            PartKind::Image { source, detail: text("detail") }
        }
        "input_file" => {
            let source = match (text("file_data"), text("file_url"), text("file_id")) {
                (Some(data), ..) => media(&data, "application/pdf"),
                (None, Some(url), _) => Media::Url(url),
                (None, None, Some(id)) => Media::FileId(id),
                (None, None, None) => return None,
            };
            PartKind::Document { source, name: text("filename") }
        }
        "input_audio" => {
            let audio = part.get("input_audio").unwrap_or(part);
            let text = |key: &str| audio.get(key).and_then(Value::as_str).map(str::to_owned);
            PartKind::Audio { format: text("format").unwrap_or_else(|| "wav".to_owned()), data: text("data")? }
        }
        _ => PartKind::Native { dialect: DialectId::OpenAiResponses, value: part.clone() },
    })
}

/// Where the bytes behind an address are; a data URL holds them. Bare base64 is of the usual type.
fn media(url: &str, usual: &str) -> Media {
    if let Some((head, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        let kind = head.split(';').next().map(str::trim).filter(|kind| !kind.is_empty()).unwrap_or(usual);
        return Media::Base64 { media_type: kind.to_ascii_lowercase(), data: data.split_ascii_whitespace().collect() };
    }
    if url.contains("://") {
        return Media::Url(url.to_owned());
    }
    Media::Base64 { media_type: usual.to_owned(), data: url.split_ascii_whitespace().collect() }
}
