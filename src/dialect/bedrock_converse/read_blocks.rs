//! Reads a client's turns. What only this dialect knows of a block that others know too is named in `extra`, so that it is not
//! lost in silence.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::media;
use crate::chat::{ApiError, CacheHint, DialectId, Media, Message, Part, PartKind, RawJson, Role};
use crate::dialect::fields::wrong_type;

#[derive(Deserialize)]
pub(super) struct CachePoint {
    #[serde(default)]
    ttl: Option<String>,
}

impl CachePoint {
    pub(super) fn hint(self) -> CacheHint {
        CacheHint { ttl: self.ttl }
    }
}

#[derive(Deserialize)]
struct Turn {
    role: String,
    content: Vec<RawJson>,
}

/// A block; those of other kinds have none of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    image: Option<File>,
    #[serde(default)]
    document: Option<Document>,
    #[serde(default)]
    audio: Option<File>,
    #[serde(default)]
    tool_use: Option<ToolUse>,
    #[serde(default)]
    tool_result: Option<ToolResult>,
    #[serde(default)]
    reasoning_content: Option<super::answer::Reasoning>,
    #[serde(default)]
    citations_content: Option<super::answer::CitationsContent>,
    #[serde(default)]
    guard_content: Option<GuardContent>,
    #[serde(default)]
    cache_point: Option<CachePoint>,
    /// Only in a tool result.
    #[serde(default)]
    json: Option<RawJson>,
}

#[derive(Deserialize)]
struct File {
    format: String,
    source: Source,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    name: Option<String>,
    source: Source,
    #[serde(default)]
    context: Option<Value>,
    #[serde(default)]
    citations: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(default)]
    bytes: Option<String>,
    #[serde(default)]
    s3_location: Option<S3Location>,
    #[serde(default)]
    text: Option<String>,
}

#[derive(Deserialize)]
struct S3Location {
    uri: String,
}

impl Source {
    fn media(self, media_type: String) -> Option<Media> {
        match (self.bytes, self.text, self.s3_location) {
            (Some(data), ..) => Some(Media::Base64 { media_type, data }),
            (None, Some(text), _) => Some(Media::Text(text)),
            (None, None, Some(place)) => Some(Media::Url(place.uri)),
            (None, None, None) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse {
    tool_use_id: String,
    name: String,
    input: RawJson,
    #[serde(default)]
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult {
    tool_use_id: String,
    content: Vec<RawJson>,
    #[serde(default)]
    status: Option<String>,
    /// Of a tool that the vendor ran.
    #[serde(default)]
    r#type: Option<String>,
}

/// What a guardrail is to look at.
#[derive(Deserialize)]
struct GuardContent {
    #[serde(default)]
    text: Option<GuardText>,
    #[serde(default)]
    image: Option<File>,
}

#[derive(Deserialize)]
struct GuardText {
    text: String,
}

/// Reads the system blocks.
pub(super) fn read_system(raw: &RawValue, messages: &mut Vec<Message>, extra: &mut Map<String, Value>) -> Result<(), ApiError> {
    let blocks: Vec<RawJson> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("system"))?;
    let parts = Reader { extra }.parts(&blocks, "system")?;
    if !parts.is_empty() {
        messages.push(Message { role: Role::System, name: None, parts });
    }
    Ok(())
}

/// Reads all turns. Tool results become a message of their own, before what the user says in the same turn.
pub(super) fn read_messages(raw: &RawValue, messages: &mut Vec<Message>, extra: &mut Map<String, Value>) -> Result<(), ApiError> {
    let turns: Vec<Turn> = serde_json::from_str(raw.get()).map_err(|_| wrong_type("messages"))?;
    let mut reader = Reader { extra };
    for (at, turn) in turns.into_iter().enumerate() {
        let role = match turn.role.as_str() {
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => Role::User,
        };
        let parts = reader.parts(&turn.content, &format!("messages[{at}].content"))?;
        let (results, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| matches!(part.kind, PartKind::ToolResult { .. }));
        let only_results = rest.is_empty() && !results.is_empty();
        if !results.is_empty() {
            messages.push(Message { role: Role::Tool, name: None, parts: results });
        }
        if !only_results {
            messages.push(Message { role, name: None, parts: rest });
        }
    }
    Ok(())
}

struct Reader<'a> {
    extra: &'a mut Map<String, Value>,
}

impl Reader<'_> {
    fn parts(&mut self, blocks: &[RawJson], at: &str) -> Result<Vec<Part>, ApiError> {
        let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
        for (index, raw) in blocks.iter().enumerate() {
            let at = format!("{at}[{index}]");
            let mut block: Block = serde_json::from_str(raw.get()).map_err(|_| wrong_type(&at))?;
            match block.cache_point.take() {
                Some(point) => match parts.last_mut() {
                    Some(last) => last.cache = Some(point.hint()),
                    None => self.note("cachePoint"),
                },
                None => parts.push(self.kind(block, raw, &at)?.into()),
            }
        }
        Ok(parts)
    }

    fn kind(&mut self, block: Block, raw: &RawValue, at: &str) -> Result<PartKind, ApiError> {
        let bad = || wrong_type(at);
        if let Some(text) = block.text {
            return Ok(PartKind::Text(text));
        }
        if let Some(image) = block.image {
            return image_part(image).ok_or_else(bad);
        }
        if let Some(document) = block.document {
            return self.document(document).ok_or_else(bad);
        }
        if let Some(File { format, source: Source { bytes: Some(data), .. } }) = block.audio {
            return Ok(PartKind::Audio { format, data });
        }
        if let Some(call) = block.tool_use.filter(|call| call.r#type.as_deref() != Some("server_tool_use")) {
            let arguments = call.input.get().to_owned();
            return Ok(PartKind::ToolCall { id: call.tool_use_id, name: call.name, arguments, custom: false });
        }
        if let Some(result) = block.tool_result.filter(|result| result.r#type.is_none()) {
            let parts = self.parts(&result.content, &format!("{at}.toolResult.content"))?;
            let is_error = result.status.as_deref() == Some("error");
            return Ok(PartKind::ToolResult { id: result.tool_use_id, name: None, parts, is_error });
        }
        if let Some(reasoning) = block.reasoning_content {
            return match (reasoning.redacted(), reasoning.reasoning_text) {
                (Some(data), _) => Ok(PartKind::RedactedThinking { data }),
                (None, Some(thinking)) => {
                    Ok(PartKind::Thinking { text: thinking.text, signature: thinking.signature.filter(|signature| !signature.is_empty()) })
                }
                (None, None) => Err(bad()),
            };
        }
        if let Some(cited) = block.citations_content {
            self.note("citationsContent");
            return Ok(PartKind::Text(cited.content.into_iter().map(|part| part.text).collect()));
        }
        if let Some(guarded) = block.guard_content {
            self.note("guardContent");
            return match (guarded.text, guarded.image) {
                (Some(text), _) => Ok(PartKind::Text(text.text)),
                (None, Some(image)) => image_part(image).ok_or_else(bad),
                (None, None) => Err(bad()),
            };
        }
        if let Some(json) = block.json {
            return Ok(PartKind::Text(json.get().to_owned()));
        }
        let value: Value = serde_json::from_str(raw.get()).map_err(|_| bad())?;
        Ok(PartKind::Native { dialect: DialectId::BedrockConverse, value })
    }

    fn document(&mut self, document: Document) -> Option<PartKind> {
        if document.context.is_some() {
            self.note("document.context");
        }
        if document.citations.is_some() {
            self.note("document.citations");
        }
        let media_type = document.format.as_deref().and_then(media::media_type).unwrap_or("application/octet-stream");
        Some(PartKind::Document { source: document.source.media(media_type.to_owned())?, name: document.name })
    }

    /// Notes something that other dialects have no words for.
    fn note(&mut self, what: &str) {
        self.extra.insert(what.to_owned(), true.into());
    }
}

fn image_part(image: File) -> Option<PartKind> {
    let source = image.source.media(format!("image/{}", image.format))?;
    Some(PartKind::Image { source, detail: None })
}
