//! Writes the hub's messages as OpenAI's.
//!
//! A tool's answer is text in this dialect: its images and documents follow in a user message. Reasoning of earlier turns is
//! not part of the conversation here and left out, but for vendors whose quirks ask for it.

use serde_json::{Map, Value, json};

use super::write_response::write_call;
use crate::chat::{DialectId, Dropped, Media, Message, Part, PartKind, Role};
use crate::dialect::media;
use crate::dialect::quirks::{CacheField, ReasoningHistory};

/// What there is to know about the vendor.
pub struct Writer {
    pub cache: Option<CacheField>,
    pub history: Option<ReasoningHistory>,
    /// The dialect the messages came in.
    pub origin: DialectId,
}

impl Writer {
    /// Writes all messages; what cannot be said is named in `dropped`.
    pub fn write(&self, messages: &[Message], dropped: &mut Dropped) -> Vec<Value> {
        let mut written = Vec::with_capacity(messages.len());
        // Images and documents of tool answers; they must not come between the answers of one turn.
        let mut carried: Vec<Value> = Vec::new();
        for message in messages {
            if message.role != Role::Tool && !carried.is_empty() {
                written.push(json!({"role": "user", "content": std::mem::take(&mut carried)}));
            }
            match message.role {
                Role::Tool => {
                    for part in &message.parts {
                        if let PartKind::ToolResult { id, parts, is_error, .. } = &part.kind {
                            written.push(self.result(id, parts, *is_error, &mut carried, dropped));
                        }
                    }
                }
                Role::Assistant => written.push(self.assistant(message, dropped)),
                Role::System => written.push(self.plain("system", message, dropped)),
                Role::Developer => written.push(self.plain("developer", message, dropped)),
                Role::User => written.push(self.plain("user", message, dropped)),
            }
        }
        if !carried.is_empty() {
            written.push(json!({"role": "user", "content": carried}));
        }
        written
    }

    fn plain(&self, role: &str, message: &Message, dropped: &mut Dropped) -> Value {
        let parts = message.parts.iter().filter_map(|part| self.part(part, dropped)).collect();
        let mut written = Map::new();
        written.insert("role".into(), role.into());
        written.insert("content".into(), content(parts));
        if let Some(name) = &message.name {
            written.insert("name".into(), name.as_str().into());
        }
        written.into()
    }

    fn assistant(&self, message: &Message, dropped: &mut Dropped) -> Value {
        let (mut parts, mut calls, mut thinking) = (Vec::new(), Vec::new(), Vec::new());
        for part in &message.parts {
            match &part.kind {
                PartKind::ToolCall { id, name, arguments, custom } => calls.push(write_call(id, name, arguments, *custom)),
                PartKind::Thinking { .. } | PartKind::RedactedThinking { .. } => thinking.push(&part.kind),
                PartKind::Refusal(text) => parts.push(json!({"type": "refusal", "refusal": text})),
                _ => parts.extend(self.part(part, dropped)),
            }
        }
        let mut written = Map::new();
        written.insert("role".into(), "assistant".into());
        let content = if parts.is_empty() && !calls.is_empty() { Value::Null } else { content(parts) };
        written.insert("content".into(), content);
        if let Some(name) = &message.name {
            written.insert("name".into(), name.as_str().into());
        }
        match self.history {
            Some(ReasoningHistory::ContentWithToolCalls) if !calls.is_empty() && !thinking.is_empty() => {
                written.insert("reasoning_content".into(), plain_reasoning(&thinking).into());
            }
            Some(ReasoningHistory::Details) if !thinking.is_empty() => {
                written.insert("reasoning_details".into(), thinking.iter().map(|kind| detail(kind)).collect());
            }
            _ => {}
        }
        if !calls.is_empty() {
            written.insert("tool_calls".into(), calls.into());
        }
        written.into()
    }

    fn result(&self, id: &str, parts: &[Part], is_error: bool, carried: &mut Vec<Value>, dropped: &mut Dropped) -> Value {
        let mut texts = Vec::new();
        for part in parts {
            match &part.kind {
                PartKind::Text(_) => texts.extend(self.part(part, dropped)),
                _ => {
                    if let Some(other) = self.part(part, dropped) {
                        carried.push(json!({"type": "text", "text": format!("Part of the result of tool call {id}:")}));
                        carried.push(other);
                    }
                }
            }
        }
        if is_error {
            // The dialect has no flag for it.
            texts.insert(0, json!({"type": "text", "text": "Error:"}));
        }
        json!({"role": "tool", "tool_call_id": id, "content": content(texts)})
    }

    /// A content part, `None` for what has no form here.
    fn part(&self, part: &Part, dropped: &mut Dropped) -> Option<Value> {
        let mut written = match &part.kind {
            PartKind::Text(text) => json!({"type": "text", "text": text}),
            PartKind::Refusal(text) => json!({"type": "refusal", "refusal": text}),
            PartKind::Image { source, detail } => match media::image_url(source) {
                Some(url) => {
                    let mut image = Map::new();
                    image.insert("url".into(), url.into());
                    if let Some(detail) = detail {
                        image.insert("detail".into(), detail.as_str().into());
                    }
                    json!({"type": "image_url", "image_url": image})
                }
                None => {
                    dropped.add("image");
                    return None;
                }
            },
            PartKind::Audio { format, data } => json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}),
            PartKind::Document { source, name } => match document(source, name.as_deref()) {
                Some(document) => document,
                None => {
                    dropped.add("document");
                    return None;
                }
            },
            PartKind::Native { dialect: DialectId::OpenAiChat, value } => value.clone(),
            PartKind::Native { value, .. } => {
                dropped.add(value.get("type").and_then(Value::as_str).unwrap_or("content").to_owned());
                return None;
            }
            // Reasoning is left out (see above); calls and results are not content here.
            PartKind::Thinking { .. } | PartKind::RedactedThinking { .. } | PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => {
                return None;
            }
        };
        if let (Some(hint), Value::Object(written)) = (&part.cache, &mut written) {
            match self.cache {
                Some(CacheField::CacheControl) => {
                    let mut marker = Map::from_iter([("type".to_owned(), Value::from("ephemeral"))]);
                    marker.extend(hint.ttl.as_deref().map(|ttl| ("ttl".to_owned(), ttl.into())));
                    written.insert("cache_control".into(), marker.into());
                }
                Some(CacheField::PromptCacheBreakpoint) => {
                    let mut marker = Map::from_iter([("mode".to_owned(), Value::from("explicit"))]);
                    marker.extend(hint.ttl.as_deref().map(|ttl| ("ttl".to_owned(), ttl.into())));
                    written.insert("prompt_cache_breakpoint".into(), marker.into());
                }
                None => dropped.add(if self.origin == DialectId::OpenAiChat { "prompt_cache_breakpoint" } else { "cache_control" }),
            }
        }
        Some(written)
    }
}

/// One text is sent as a string, as every vendor takes it; no text at all as the empty one.
fn content(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => "".into(),
        [Value::Object(only)] if only.len() == 2 && only.get("type").is_some_and(|kind| kind == "text") => {
            only.get_mut("text").map(Value::take).unwrap_or_default()
        }
        _ => parts.into(),
    }
}

fn document(source: &Media, name: Option<&str>) -> Option<Value> {
    match source {
        Media::Base64 { media_type, data } => {
            let file = json!({"filename": name.unwrap_or("document.pdf"), "file_data": format!("data:{media_type};base64,{data}")});
            Some(json!({"type": "file", "file": file}))
        }
        Media::FileId(id) => Some(json!({"type": "file", "file": {"file_id": id}})),
        Media::Text(text) => {
            let title = name.map(|name| format!("{name}:\n")).unwrap_or_default();
            Some(json!({"type": "text", "text": title + text}))
        }
        Media::Url(_) => None,
    }
}

fn plain_reasoning(thinking: &[&PartKind]) -> String {
    let texts = thinking.iter().filter_map(|kind| match kind {
        PartKind::Thinking { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn detail(kind: &PartKind) -> Value {
    match kind {
        PartKind::Thinking { text, signature } => json!({"type": "reasoning.text", "text": text, "signature": signature}),
        PartKind::RedactedThinking { data } => json!({"type": "reasoning.encrypted", "data": data}),
        _ => Value::Null,
    }
}
