//! Reads the messages of a client's request.
//!
//! An assistant message may carry the reasoning of an earlier answer back: `thinking_blocks` as this sidecar writes them,
//! `reasoning_details` as OpenRouter does, or plain `reasoning_content`.

use serde_json::{Map, Value};

use super::read_request::cache_of;
use super::read_response::{read_call, read_thinking};
use crate::chat::{ApiError, DialectId, Media, Message, Part, PartKind, Role};
use crate::dialect::media;

type Object = Map<String, Value>;

/// Reads all messages, in their order.
pub fn read(raw: Vec<Value>) -> Result<Vec<Message>, ApiError> {
    raw.into_iter().enumerate().map(|(at, message)| read_message(at, message)).collect()
}

fn read_message(at: usize, raw: Value) -> Result<Message, ApiError> {
    let wrong = |field: &str, why: &str| {
        let param = format!("messages[{at}]{field}");
        ApiError::invalid("invalid_value", param.clone(), format!("`{param}` {why}"))
    };
    let Value::Object(raw) = raw else { return Err(wrong("", "has to be an object")) };
    let text = |key: &str| raw.get(key).and_then(Value::as_str).map(str::to_owned);
    let role = match raw.get("role").and_then(Value::as_str) {
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        _ => return Err(wrong(".role", "is not a role")),
    };
    let mut parts = if role == Role::Assistant { read_thinking(&raw).into_iter().map(Part::from).collect() } else { Vec::new() };
    parts.extend(read_content(raw.get("content")).map_err(|part| wrong(&format!(".content{part}"), "is not a content part"))?);
    if let (Some(cache), Some(last)) = (cache_of(&raw), parts.last_mut()) {
        last.cache.get_or_insert(cache);
    }
    match role {
        Role::Assistant => parts.extend(read_assistant(&raw).map_err(|at| wrong(&format!(".tool_calls[{at}]"), "is not a tool call"))?),
        Role::Tool => {
            // A legacy function message has no id; its call is told by its name, as `read_assistant` reads it.
            let id = text("tool_call_id").or_else(|| text("name"));
            let id = id.ok_or_else(|| wrong(".tool_call_id", "is missing"))?;
            let result = PartKind::ToolResult { id, name: text("name"), parts, is_error: false };
            return Ok(Message { role, name: None, parts: vec![Part::from(result)] });
        }
        Role::System | Role::Developer | Role::User => {}
    }
    Ok(Message { role, name: text("name"), parts })
}

/// What an assistant message says beside its content; the place of a call that is none is the error.
fn read_assistant(raw: &Object) -> Result<Vec<Part>, usize> {
    let mut kinds = Vec::new();
    if let Some(refusal) = raw.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        kinds.push(PartKind::Refusal(refusal.to_owned()));
    }
    for (at, call) in raw.get("tool_calls").and_then(Value::as_array).into_iter().flatten().enumerate() {
        kinds.push(read_call(call).ok_or(at)?);
    }
    if let Some(Value::Object(call)) = raw.get("function_call") {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        kinds.push(PartKind::ToolCall { id: text("name"), name: text("name"), arguments: text("arguments"), custom: false });
    }
    Ok(kinds.into_iter().map(Part::from).collect())
}

/// Reads content; the place of a part that is none (`[2]`) is the error.
fn read_content(content: Option<&Value>) -> Result<Vec<Part>, String> {
    match content {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::from(PartKind::Text(text.clone()))]),
        Some(Value::Array(parts)) => parts.iter().enumerate().map(|(at, part)| read_part(part).ok_or_else(|| format!("[{at}]"))).collect(),
        Some(_) => Err(String::new()),
    }
}

fn read_part(raw: &Value) -> Option<Part> {
    if let Value::String(text) = raw {
        return Some(Part::from(PartKind::Text(text.clone())));
    }
    let object = raw.as_object()?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = match object.get("type").and_then(Value::as_str)? {
        "text" => PartKind::Text(text("text")?),
        "refusal" => PartKind::Refusal(text("refusal")?),
        "image_url" => read_image(object.get("image_url")?)?,
        "input_audio" => {
            let audio = object.get("input_audio")?;
            let text = |key: &str| audio.get(key).and_then(Value::as_str).map(str::to_owned);
            PartKind::Audio { format: text("format").unwrap_or_else(|| "wav".into()), data: text("data")? }
        }
        "file" => read_file(object.get("file")?)?,
        _ => PartKind::Native { dialect: DialectId::OpenAiChat, value: raw.clone() },
    };
    Some(Part { kind, cache: cache_of(object) })
}

fn read_image(image: &Value) -> Option<PartKind> {
    let url = image.as_str().or_else(|| image.get("url").and_then(Value::as_str))?;
    let detail = image.get("detail").and_then(Value::as_str).map(str::to_owned);
    Some(PartKind::Image { source: media::image(url), detail })
}

fn read_file(file: &Value) -> Option<PartKind> {
    let text = |key: &str| file.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let name = text("filename");
    let by_name = || name.as_deref().and_then(media_type_of).unwrap_or("application/pdf").to_owned();
    let source = match (text("file_data"), text("file_id")) {
        (Some(data), _) if data.starts_with("http://") || data.starts_with("https://") => Media::Url(data),
        (Some(data), _) => match media::data_url(&data) {
            Some((kind, data)) => Media::Base64 { media_type: if kind.is_empty() { by_name() } else { kind }, data },
            // Many clients send the bare base64.
            None => Media::Base64 { media_type: by_name(), data },
        },
        (None, Some(id)) => Media::FileId(id),
        (None, None) => return None,
    };
    Some(PartKind::Document { source, name })
}

fn media_type_of(filename: &str) -> Option<&'static str> {
    let (_, extension) = filename.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        _ => return None,
    })
}
