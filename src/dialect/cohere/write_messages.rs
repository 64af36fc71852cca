//! The conversation as Cohere wants it: what the model says before it calls tools is a plan beside them, and each result a
//! message of its own.

use std::borrow::Cow;

use serde::Serialize;

use crate::chat::{ApiError, Dropped, Media, Message, Part, PartKind, Request, Role};
use crate::dialect::media;

/// Stands where an assistant turn says nothing, which is refused.
const FILLER: &str = ".";
/// Stands in a tool's result for a picture.
const NO_IMAGE: &str = "[image left out: the model cannot read it here]";

#[derive(Default, Serialize)]
pub(super) struct Wire<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_plan: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Items(Vec<Item<'a>>),
}

impl<'a> Content<'a> {
    /// A single text needs no list.
    fn of(mut items: Vec<Item<'a>>) -> Self {
        match items.pop() {
            None => Self::Text("".into()),
            Some(Item::Text { text }) if items.is_empty() => Self::Text(text),
            Some(last) => {
                items.push(last);
                Self::Items(items)
            }
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item<'a> {
    Text { text: Cow<'a, str> },
    Thinking { thinking: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) function: Function<'a>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Cow<'a, str>,
}

impl<'a> Call<'a> {
    /// A call; one without arguments has an empty object of them.
    pub(super) fn new(id: &'a str, name: &'a str, arguments: impl Into<Cow<'a, str>>) -> Self {
        let arguments = arguments.into();
        let arguments = if arguments.trim().is_empty() { "{}".into() } else { arguments };
        Self { id, r#type: "function", function: Function { name, arguments } }
    }
}

/// Writes the request's messages. Earlier thinking goes only to a model that `thinks`.
pub(super) fn messages<'a>(request: &'a Request, thinks: bool, dropped: &mut Dropped) -> Result<Vec<Wire<'a>>, ApiError> {
    let mut writer = Writer { thinks, dropped, written: Vec::with_capacity(request.messages.len()) };
    for message in &request.messages {
        writer.message(message)?;
    }
    Ok(writer.written)
}

struct Writer<'a, 'd> {
    thinks: bool,
    dropped: &'d mut Dropped,
    written: Vec<Wire<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        if message.name.is_some() && message.role != Role::Tool {
            self.dropped.add("name");
        }
        let (mut items, mut tool_calls) = (Vec::with_capacity(message.parts.len()), Vec::new());
        for Part { kind, .. } in &message.parts {
            match kind {
                PartKind::ToolResult { id, parts, is_error, .. } => self.result(id, parts, *is_error),
                PartKind::ToolCall { id, name, arguments, custom: false } => tool_calls.push(Call::new(id, name, arguments)),
                PartKind::ToolCall { id, name, arguments, custom: true } => {
                    tool_calls.push(Call::new(id, name, serde_json::json!({ "input": arguments }).to_string()));
                }
                _ => items.extend(self.item(kind)?),
            }
        }
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::Assistant => "assistant",
            Role::Tool if items.is_empty() => return Ok(()),
            Role::User | Role::Tool => "user",
        };
        if role != "assistant" {
            self.written.push(Wire { role, content: Some(Content::of(items)), ..Wire::default() });
            return Ok(());
        }
        let mut tool_plan = None;
        if tool_calls.is_empty() {
            items.retain(|item| !matches!(item, Item::Text { text } if text.is_empty()));
            if items.is_empty() {
                items.push(Item::Text { text: FILLER.into() });
            }
        } else {
            let texts: Vec<_> = items.extract_if(.., |item| matches!(item, Item::Text { .. })).collect();
            tool_plan = Some(joined(texts)).filter(|plan| !plan.is_empty());
        }
        let content = (!items.is_empty()).then(|| Content::of(items));
        self.written.push(Wire { role, content, tool_plan, tool_calls, ..Wire::default() });
        Ok(())
    }

    fn result(&mut self, id: &'a str, parts: &'a [Part], is_error: bool) {
        let mut items = Vec::with_capacity(parts.len());
        if is_error {
            // There is no flag for it.
            items.push(Item::Text { text: "Error:".into() });
        }
        for part in parts {
            let text = match &part.kind {
                PartKind::Text(text) | PartKind::Document { source: Media::Text(text), .. } => text.into(),
                PartKind::Image { .. } => {
                    self.dropped.add("tool_result_image");
                    NO_IMAGE.into()
                }
                _ => {
                    self.dropped.add("content");
                    continue;
                }
            };
            items.push(Item::Text { text });
        }
        self.written.push(Wire { role: "tool", tool_call_id: Some(id), content: Some(Content::of(items)), ..Wire::default() });
    }

    /// A piece of content; nothing for what cannot be said.
    fn item(&mut self, kind: &'a PartKind) -> Result<Option<Item<'a>>, ApiError> {
        Ok(match kind {
            PartKind::Text(text) | PartKind::Refusal(text) | PartKind::Document { source: Media::Text(text), .. } => {
                Some(Item::Text { text: text.into() })
            }
            PartKind::Thinking { text, .. } => (self.thinks && !text.is_empty()).then_some(Item::Thinking { thinking: text }),
            PartKind::RedactedThinking { .. } => None,
            PartKind::Image { source, detail } => match media::image_url(source) {
                Some(url) => Some(Item::ImageUrl { image_url: ImageUrl { url, detail: detail.as_deref() } }),
                None => return Err(unsupported("image_url", "this vendor takes images as data or by address only")),
            },
            PartKind::Document { .. } => return Err(unsupported("file", "this vendor takes no files but text")),
            PartKind::Audio { .. } => return Err(unsupported("input_audio", "this vendor does not take input_audio")),
            PartKind::Native { .. } => {
                self.dropped.add("content");
                None
            }
            // Taken out before.
            PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => None,
        })
    }
}

fn joined(items: Vec<Item<'_>>) -> String {
    let text = |item: Item<'_>| match item {
        Item::Text { text } => text.into_owned(),
        _ => String::new(),
    };
    items.into_iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}
