//! The conversation as input items.

use serde_json::{Value, json};

use super::reasoning_item;
use crate::chat::{ApiError, DialectId, Dropped, Media, Message, Part, PartKind, Request, Role};
use crate::dialect::call_id;

/// The request's messages as items.
pub(super) fn write_input(request: &Request, dropped: &mut Dropped) -> Result<Vec<Value>, ApiError> {
    let mut writer =
        Writer { items: Vec::new(), dropped, own: matches!(request.origin, DialectId::OpenAiChat | DialectId::OpenAiResponses) };
    for message in &request.messages {
        writer.message(message)?;
    }
    Ok(writer.items)
}

/// Longer ids are refused.
const CALL_ID: call_id::Form = call_id::Form::Short(64);

struct Writer<'d> {
    items: Vec<Value>,
    dropped: &'d mut Dropped,
    /// Files are of this vendor's own store.
    own: bool,
}

impl Writer<'_> {
    fn message(&mut self, message: &Message) -> Result<(), ApiError> {
        if message.name.is_some() && message.role != Role::Tool {
            self.dropped.add("name");
        }
        let role = match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut content = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::ToolCall { id, name, arguments, custom } => {
                    self.say(role, &mut content);
                    let arguments = match (*custom, arguments.trim().is_empty()) {
                        (true, _) => json!({ "input": arguments }).to_string(),
                        (false, true) => "{}".to_owned(),
                        (false, false) => arguments.clone(),
                    };
                    self.items.push(
                        json!({"type": "function_call", "call_id": call_id::accepted(id, CALL_ID), "name": name, "arguments": arguments}),
                    );
                }
                PartKind::ToolResult { id, parts, .. } => {
                    self.say(role, &mut content);
                    let output = self.output(parts)?;
                    self.items.push(json!({"type": "function_call_output", "call_id": call_id::accepted(id, CALL_ID), "output": output}));
                }
                PartKind::Thinking { text, signature } => {
                    match signature.as_deref().and_then(|proof| reasoning_item::to_vendor(text, proof)) {
                        Some(item) => {
                            self.say(role, &mut content);
                            self.items.push(item);
                        }
                        // The vendor has no use for thinking of others.
                        None if text.is_empty() => {}
                        None => self.dropped.add("reasoning_content"),
                    }
                }
                PartKind::RedactedThinking { .. } => {}
                PartKind::Native { dialect: DialectId::OpenAiResponses, value } if message.role == Role::Assistant => {
                    self.say(role, &mut content);
                    self.items.push(value.clone());
                }
                _ => content.extend(self.part(part, message.role)?),
            }
        }
        self.say(role, &mut content);
        Ok(())
    }

    /// Writes a message of what was said so far.
    fn say(&mut self, role: &str, content: &mut Vec<Value>) {
        if !content.is_empty() {
            self.items.push(json!({"type": "message", "role": role, "content": std::mem::take(content)}));
        }
    }

    /// A call's result: a text where it is one, else its parts.
    fn output(&mut self, parts: &[Part]) -> Result<Value, ApiError> {
        if let [Part { kind: PartKind::Text(text), .. }] = parts {
            return Ok(text.as_str().into());
        }
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            written.extend(self.part(part, Role::Tool)?);
        }
        Ok(if written.is_empty() { "".into() } else { written.into() })
    }

    fn part(&mut self, part: &Part, role: Role) -> Result<Option<Value>, ApiError> {
        Ok(match &part.kind {
            PartKind::Text(text) if role == Role::Assistant => Some(json!({"type": "output_text", "text": text, "annotations": []})),
            PartKind::Text(text) => Some(json!({"type": "input_text", "text": text})),
            PartKind::Refusal(text) => Some(json!({"type": "refusal", "refusal": text})),
            PartKind::Image { source, detail } => {
                let detail = detail.as_deref().unwrap_or("auto");
                Some(match source {
                    Media::FileId(id) if self.own => json!({"type": "input_image", "file_id": id, "detail": detail}),
                    _ => json!({"type": "input_image", "image_url": self.address(source)?, "detail": detail}),
                })
            }
            PartKind::Document { source: Media::Text(text), .. } => Some(json!({"type": "input_text", "text": text})),
            PartKind::Document { source, name } => Some(match source {
                Media::Url(url) => json!({"type": "input_file", "file_url": url}),
                Media::FileId(id) if self.own => json!({"type": "input_file", "file_id": id}),
                _ => json!({"type": "input_file", "file_data": self.address(source)?, "filename": name.as_deref().unwrap_or("file.pdf")}),
            }),
            PartKind::Audio { .. } => return Err(unsupported("input_audio", "this API does not take input_audio")),
            PartKind::Native { dialect: DialectId::OpenAiResponses, value } => Some(value.clone()),
            _ => {
                self.dropped.add("content");
                None
            }
        })
    }

    fn address(&self, source: &Media) -> Result<String, ApiError> {
        match source {
            Media::Url(url) => Ok(url.clone()),
            Media::Base64 { media_type, data } => Ok(format!("data:{media_type};base64,{data}")),
            Media::Text(_) => Err(unsupported("image", "an image has to be given as data or as a URL")),
            Media::FileId(_) => Err(unsupported("file_id", "a file of another vendor's store cannot be sent to this one")),
        }
    }
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}
