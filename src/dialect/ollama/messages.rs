//! The conversation as Ollama wants it: a message's text in one piece, its images beside it, results in the order of the calls.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::base::raw::to_raw;
use crate::chat::{ApiError, Dropped, Media, Message, Part, PartKind, Request, Role};

#[derive(Default, Serialize)]
pub(super) struct Wire<'a> {
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    thinking: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) function: Function<'a>,
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) arguments: Box<RawValue>,
}

/// The request's messages.
pub(super) fn messages<'a>(request: &'a Request, dropped: &mut Dropped) -> Result<Vec<Wire<'a>>, ApiError> {
    let mut writer = Writer { written: Vec::new(), calls: Vec::new(), dropped };
    for message in &request.messages {
        writer.message(message)?;
    }
    writer.answer_calls();
    Ok(writer.written)
}

struct Writer<'a, 'd> {
    written: Vec<Wire<'a>>,
    /// The calls of the assistant's last turn: id, name, and the result as far as it has come.
    calls: Vec<(&'a str, &'a str, Option<Wire<'a>>)>,
    dropped: &'d mut Dropped,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        if message.name.is_some() && message.role != Role::Tool {
            self.dropped.add("name");
        }
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let (results, rest): (Vec<&Part>, Vec<&Part>) =
            message.parts.iter().partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        for part in results {
            if let PartKind::ToolResult { id, name, parts, .. } = &part.kind {
                let mut wire = self.write("tool", parts.iter())?;
                match self.calls.iter_mut().find(|(call, _, result)| call == id && result.is_none()) {
                    Some((_, called, result)) => {
                        wire.tool_name = Some(called);
                        *result = Some(wire);
                    }
                    None => {
                        wire.tool_name = name.as_deref();
                        self.written.push(wire);
                    }
                }
            }
        }
        if rest.is_empty() && message.role == Role::Tool {
            return Ok(());
        }
        self.answer_calls();
        let wire = self.write(role, rest.into_iter())?;
        self.written.push(wire);
        Ok(())
    }

    /// Writes the results of the last turn's calls, in the calls' order.
    fn answer_calls(&mut self) {
        let results = std::mem::take(&mut self.calls).into_iter().filter_map(|(.., result)| result);
        self.written.extend(results);
    }

    fn write(&mut self, role: &'static str, parts: impl Iterator<Item = &'a Part>) -> Result<Wire<'a>, ApiError> {
        let mut wire = Wire { role, ..Wire::default() };
        for part in parts {
            match &part.kind {
                PartKind::Text(text) | PartKind::Refusal(text) => line(&mut wire.content, text),
                PartKind::Document { source: Media::Text(text), .. } => line(&mut wire.content, text),
                PartKind::Thinking { text, .. } => wire.thinking.push_str(text),
                PartKind::RedactedThinking { .. } => {}
                PartKind::Image { source, detail } => {
                    if detail.as_deref().is_some_and(|detail| detail != "auto") {
                        self.dropped.add("detail");
                    }
                    match source {
                        Media::Base64 { data, .. } => wire.images.push(data),
                        _ => return Err(unsupported("image_url", "this vendor takes images as data only")),
                    }
                }
                PartKind::Document { .. } => return Err(unsupported("file", "this vendor takes no files but text")),
                PartKind::Audio { .. } => return Err(unsupported("input_audio", "this vendor does not take input_audio")),
                PartKind::ToolCall { id, name, arguments, custom } => {
                    let input = if *custom { serde_json::json!({ "input": arguments }).to_string() } else { arguments.clone() };
                    wire.tool_calls.push(Call { function: Function { name, arguments: arguments_object(&input) } });
                    self.calls.push((id, name, None));
                }
                PartKind::ToolResult { .. } | PartKind::Native { .. } => self.dropped.add("content"),
            }
        }
        Ok(wire)
    }
}

fn line(into: &mut String, text: &str) {
    if !into.is_empty() {
        into.push('\n');
    }
    into.push_str(text);
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}

/// The arguments as a JSON object. What is not one is wrapped, so that the reader sees what the model wrote.
pub(super) fn arguments_object(arguments: &str) -> Box<RawValue> {
    let text = arguments.trim();
    match serde_json::from_str::<Box<RawValue>>(if text.is_empty() { "{}" } else { text }) {
        Ok(raw) if raw.get().starts_with('{') => raw,
        _ => to_raw(&serde_json::json!({ "arguments": arguments })),
    }
}
