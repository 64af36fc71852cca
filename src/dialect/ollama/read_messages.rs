//! Reads a client's messages. Calls have no ids: each gets one by its place, and a result belongs to the first call of its name
//! that has none yet, or else to the first call at all.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::{ApiError, Media, Message, Part, PartKind, Role};
use crate::dialect::fields::wrong_type;

#[derive(Deserialize)]
struct Wire<'a> {
    role: String,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    images: Option<Vec<String>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(default, alias = "name")]
    tool_name: Option<String>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(borrow)]
    pub(super) function: Function<'a>,
}

#[derive(Deserialize)]
pub(super) struct Function<'a> {
    pub(super) name: String,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

impl Function<'_> {
    /// The JSON text of the arguments. Some servers put that text into a string.
    pub(super) fn text(&self) -> String {
        let raw = self.arguments.map_or("{}", RawValue::get);
        serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned())
    }
}

/// Reads all messages.
pub(super) fn read_messages(raw: &RawValue, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("messages"))?;
    let mut calls = 0;
    let mut open: Vec<(String, String)> = Vec::new();
    for (at, raw) in list.into_iter().enumerate() {
        let message: Wire<'_> = serde_json::from_str(raw.get()).map_err(|_| wrong_type(&format!("messages[{at}]")))?;
        let role = match message.role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "tool" => Role::Tool,
            _ => {
                let param = format!("messages[{at}].role");
                return Err(ApiError::invalid("invalid_value", param.clone(), format!("`{param}` is not a role")));
            }
        };
        let mut kinds = Vec::new();
        if let Some(text) = message.thinking.filter(|text| !text.is_empty()) {
            kinds.push(PartKind::Thinking { text, signature: None });
        }
        kinds.extend(message.content.filter(|text| !text.is_empty()).map(PartKind::Text));
        kinds.extend(message.images.unwrap_or_default().into_iter().map(image));
        if role == Role::Tool {
            let name = message.tool_name;
            let by_id = message.tool_call_id.as_ref();
            let found =
                open.iter().position(|(call, id)| by_id.map_or_else(|| name.as_ref().is_none_or(|n| n == call), |wanted| wanted == id));
            let (name, id) = match found {
                Some(found) => {
                    let (called, id) = open.remove(found);
                    (Some(called), id)
                }
                None => (name.clone(), message.tool_call_id.or(name).unwrap_or_default()),
            };
            let parts = kinds.into_iter().map(Part::from).collect();
            let result = Part::from(PartKind::ToolResult { id, name, parts, is_error: false });
            match messages.last_mut() {
                Some(last) if last.role == Role::Tool => last.parts.push(result),
                _ => messages.push(Message { role, name: None, parts: vec![result] }),
            }
            continue;
        }
        for call in message.tool_calls.unwrap_or_default() {
            calls += 1;
            let arguments = call.function.text();
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{calls}"));
            open.push((call.function.name.clone(), id.clone()));
            kinds.push(PartKind::ToolCall { id, name: call.function.name, arguments, custom: false });
        }
        messages.push(Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() });
    }
    Ok(())
}

/// An image's type is not told, but its first bytes tell it.
pub(super) fn image(data: String) -> PartKind {
    let media_type = match data.as_bytes() {
        [b'/', b'9', b'j', ..] => "image/jpeg",
        [b'R', b'0', b'l', b'G', ..] => "image/gif",
        [b'U', b'k', b'l', b'G', ..] => "image/webp",
        _ => "image/png",
    };
    PartKind::Image { source: Media::Base64 { media_type: media_type.to_owned(), data }, detail: None }
}
