//! Reads a turn's content blocks into parts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read_request::wrong_type;
use super::signature;
use crate::chat::{ApiError, CacheHint, DialectId, Media, Message, Part, PartKind, Role};

#[derive(Deserialize)]
pub(super) struct CacheControl {
    #[serde(default)]
    ttl: Option<String>,
}

impl CacheControl {
    pub(super) fn hint(self) -> CacheHint {
        CacheHint { ttl: self.ttl }
    }
}

/// Adds a turn's messages. Tool results become a message of their own, before what the user says in the same turn.
pub(super) fn push_turn(role: &str, parts: Vec<Part>, messages: &mut Vec<Message>) {
    let role = match role {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => Role::User,
    };
    let (results, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
    let only_results = rest.is_empty() && !results.is_empty();
    if !results.is_empty() {
        messages.push(Message { role: Role::Tool, name: None, parts: results });
    }
    if !only_results {
        messages.push(Message { role, name: None, parts: rest });
    }
}

/// Reads content: a string, or a list of blocks. `at` is its path, for errors.
pub(super) fn read_content(content: Option<&RawValue>, at: &str) -> Result<Vec<Part>, ApiError> {
    let Some(content) = content else { return Ok(Vec::new()) };
    match content.get().as_bytes().first() {
        Some(b'n') => Ok(Vec::new()),
        Some(b'"') => {
            let text: String = serde_json::from_str(content.get()).map_err(|_| wrong_type(at))?;
            Ok(vec![Part::from(PartKind::Text(text))])
        }
        _ => {
            let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).map_err(|_| wrong_type(at))?;
            blocks.into_iter().enumerate().map(|(index, block)| read_block(block, &format!("{at}[{index}]"))).collect()
        }
    }
}

#[derive(Deserialize)]
struct Head {
    r#type: String,
    #[serde(default)]
    cache_control: Option<CacheControl>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
struct WithSource {
    source: Source,
    #[serde(default)]
    title: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    r#type: String,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    file_id: Option<String>,
}

impl Source {
    fn media(self) -> Option<Media> {
        match self.r#type.as_str() {
            "base64" => Some(Media::Base64 { media_type: self.media_type?, data: self.data? }),
            "url" => self.url.map(Media::Url),
            "text" => self.data.map(Media::Text),
            "file" => self.file_id.map(Media::FileId),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct ToolUse<'a> {
    id: String,
    name: String,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolResult<'a> {
    tool_use_id: String,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default)]
    is_error: Option<bool>,
}

#[derive(Deserialize)]
struct Thinking {
    thinking: String,
    #[serde(default)]
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Redacted {
    data: String,
}

fn read_block(raw: &RawValue, at: &str) -> Result<Part, ApiError> {
    fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue, at: &str) -> Result<T, ApiError> {
        serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))
    }
    let head: Head = parse(raw, at)?;
    let kind = match head.r#type.as_str() {
        "text" => PartKind::Text(parse::<Text>(raw, at)?.text),
        "image" => match parse::<WithSource>(raw, at)?.source.media() {
            Some(source) => PartKind::Image { source, detail: None },
            None => native(raw, at)?,
        },
        "document" => match serde_json::from_str::<WithSource>(raw.get()) {
            Ok(WithSource { source, title }) => match source.media() {
                Some(source) => PartKind::Document { source, name: title },
                None => native(raw, at)?,
            },
            Err(_) => native(raw, at)?,
        },
        "tool_use" => {
            let ToolUse { id, name, input } = parse(raw, at)?;
            let arguments = input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
            PartKind::ToolCall { id, name, arguments, custom: false }
        }
        "tool_result" => {
            let ToolResult { tool_use_id, content, is_error } = parse(raw, at)?;
            let parts = read_content(content, &format!("{at}.content"))?;
            PartKind::ToolResult { id: tool_use_id, name: None, parts, is_error: is_error.unwrap_or(false) }
        }
        "thinking" => {
            let Thinking { thinking, signature } = parse(raw, at)?;
            PartKind::Thinking { text: thinking, signature: signature::genuine(signature) }
        }
        "redacted_thinking" => PartKind::RedactedThinking { data: parse::<Redacted>(raw, at)?.data },
        _ => native(raw, at)?,
    };
    // What only this dialect knows keeps its marker inside.
    let cache = if matches!(kind, PartKind::Native { .. }) { None } else { head.cache_control };
    Ok(Part { kind, cache: cache.map(CacheControl::hint) })
}

fn native(raw: &RawValue, at: &str) -> Result<PartKind, ApiError> {
    let value = serde_json::from_str(raw.get()).map_err(|_| wrong_type(at))?;
    Ok(PartKind::Native { dialect: DialectId::AnthropicMessages, value })
}
