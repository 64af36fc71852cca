//! Reads a client's messages, and the documents that a request brings beside them.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::chat::{ApiError, DialectId, Media, Message, Part, PartKind, Role};
use crate::dialect::fields::{missing, wrong_type};
use crate::dialect::media;

#[derive(Deserialize)]
struct Wire<'a> {
    role: String,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    tool_plan: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
struct Call {
    id: String,
    function: Function,
}

#[derive(Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Text { text: String },
    Thinking { thinking: String },
    ImageUrl { image_url: ImageUrl },
    Document { document: Document },
}

#[derive(Deserialize)]
struct ImageUrl {
    url: String,
    #[serde(default)]
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    id: Option<String>,
    data: Value,
}

impl Document {
    /// What it says: its data are a text or an object of them.
    fn text(&self) -> String {
        let only = |data: &Value| match data {
            Value::Object(fields) if fields.len() == 1 => fields.get("text").or_else(|| fields.get("content"))?.as_str().map(str::to_owned),
            data => data.as_str().map(str::to_owned),
        };
        only(&self.data).unwrap_or_else(|| self.data.to_string())
    }
}

/// Reads all messages.
pub(super) fn read_messages(raw: &RawValue) -> Result<Vec<Message>, ApiError> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("messages"))?;
    let mut messages: Vec<Message> = Vec::with_capacity(list.len());
    for (at, raw) in list.into_iter().enumerate() {
        let at = format!("messages[{at}]");
        let wire: Wire<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong_type(&at))?;
        let mut kinds = wire.content.map(|content| read_content(content, &at)).transpose()?.unwrap_or_default();
        let role = match wire.role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => {
                let id = wire.tool_call_id.ok_or_else(|| missing(&format!("{at}.tool_call_id")))?;
                let parts = kinds.into_iter().map(Part::from).collect();
                let result = Part::from(PartKind::ToolResult { id, name: None, parts, is_error: false });
                match messages.last_mut() {
                    Some(last) if last.role == Role::Tool => last.parts.push(result),
                    _ => messages.push(Message { role: Role::Tool, name: None, parts: vec![result] }),
                }
                continue;
            }
            _ => return Err(ApiError::invalid("invalid_value", format!("{at}.role"), format!("`{at}.role` is not a role"))),
        };
        // The plan is what the model said before it called tools.
        kinds.extend(wire.tool_plan.filter(|plan| !plan.is_empty()).map(PartKind::Text));
        kinds.extend(wire.tool_calls.unwrap_or_default().into_iter().map(|call| PartKind::ToolCall {
            id: call.id,
            name: call.function.name,
            arguments: call.function.arguments.unwrap_or_default(),
            custom: false,
        }));
        messages.push(Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() });
    }
    Ok(messages)
}

/// Reads content: a text, or a list of items.
fn read_content(raw: &RawValue, at: &str) -> Result<Vec<PartKind>, ApiError> {
    let wrong = || wrong_type(&format!("{at}.content"));
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
            Ok(Some(text).filter(|text| !text.is_empty()).map(PartKind::Text).into_iter().collect())
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
            let read = |(index, raw): (usize, &RawValue)| read_item(raw).ok_or_else(|| wrong_type(&format!("{at}.content[{index}]")));
            items.into_iter().enumerate().map(read).collect()
        }
        Some(b'n') => Ok(Vec::new()),
        _ => Err(wrong()),
    }
}

fn read_item(raw: &RawValue) -> Option<PartKind> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    Some(match serde_json::from_str::<Item>(raw.get()) {
        Ok(Item::Text { text }) => PartKind::Text(text),
        Ok(Item::Thinking { thinking }) => PartKind::Thinking { text: thinking, signature: None },
        Ok(Item::ImageUrl { image_url }) => PartKind::Image { source: media::image(&image_url.url), detail: image_url.detail },
        Ok(Item::Document { document }) => PartKind::Text(document.text()),
        Err(_) => {
            let kind = serde_json::from_str::<Typed>(raw.get()).ok()?.r#type;
            let known = ["text", "thinking", "image_url", "document"].contains(&kind.as_str());
            return if known { None } else { native(raw) };
        }
    })
}

fn native(raw: &RawValue) -> Option<PartKind> {
    Some(PartKind::Native { dialect: DialectId::Cohere, value: serde_json::from_str(raw.get()).ok()? })
}

/// Puts the request's documents before what the user said last, where models of other formats look for them.
pub(super) fn add_documents(raw: &RawValue, messages: &mut [Message]) -> Result<(), ApiError> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("documents"))?;
    let mut parts = Vec::with_capacity(list.len());
    for (at, raw) in list.into_iter().enumerate() {
        let document = match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Document { id: None, data: text.into() },
            Err(_) => serde_json::from_str(raw.get()).map_err(|_| wrong_type(&format!("documents[{at}]")))?,
        };
        let source = Media::Text(document.text());
        parts.push(Part::from(PartKind::Document { source, name: document.id }));
    }
    match messages.iter_mut().rfind(|message| message.role == Role::User) {
        Some(last) => drop(last.parts.splice(..0, parts)),
        None if parts.is_empty() => {}
        None => return Err(ApiError::invalid("invalid_value", "documents", "`documents` need a message of the user's to go with")),
    }
    Ok(())
}
