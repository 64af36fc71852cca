//! The conversation as Converse wants it: system text apart, user and assistant taking turns, every call answered in the very
//! next turn, results in the order of their calls, no blank text.

use std::borrow::Cow;

use serde::Serialize;

use super::block::{Block, Reasoning, ToolResult, ToolUse};
use super::cache::CachePoints;
use super::rules::Rules;
use super::{media, signature, tool_name};
use crate::base::raw::to_raw;
use crate::chat::{ApiError, CacheHint, DialectId, Dropped, Media, Message, Part, PartKind, Request, Role};
use crate::dialect::anthropic_messages::write_response::input_object;
use crate::dialect::quirks::{Beside, ReasoningKept};
use crate::dialect::{call_id, proof};

/// Stands where the vendor insists on a turn or a text and the client has nothing to say.
const FILLER: &str = ".";
/// Asks for what a trailing assistant turn asks of other vendors.
const CONTINUE: &str = "Continue.";

#[derive(Serialize)]
pub(super) struct Turn<'a> {
    pub(super) role: &'static str,
    pub(super) content: Vec<Block<'a>>,
}

/// The request's conversation.
pub(super) struct Turns<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
}

/// Turns the request's messages into system blocks and turns.
pub(super) fn turns<'a>(
    request: &'a Request,
    rules: &Rules<'_>,
    cache: &mut CachePoints,
    dropped: &mut Dropped,
) -> Result<Turns<'a>, ApiError> {
    let mut writer = Writer {
        rules,
        cache,
        dropped,
        system: Vec::new(),
        turns: Vec::new(),
        calls: Vec::new(),
        said: Vec::new(),
        ids: call_id::Unique::new(call_id::WORD),
        documents: Vec::new(),
    };
    for message in &request.messages {
        writer.message(message)?;
    }
    writer.end_turn()?;
    Ok(writer.finish())
}

struct Writer<'a, 'd> {
    rules: &'d Rules<'d>,
    cache: &'d mut CachePoints,
    dropped: &'d mut Dropped,
    system: Vec<Block<'a>>,
    turns: Vec<Turn<'a>>,
    /// The calls of the assistant's turn just written, in their order.
    calls: Vec<Call<'a>>,
    /// What the user has said since.
    said: Vec<Block<'a>>,
    /// Ids of calls have to differ.
    ids: call_id::Unique,
    /// Names of documents used so far.
    documents: Vec<String>,
}

struct Call<'a> {
    /// The id as the client wrote it.
    id: &'a str,
    written: Cow<'a, str>,
    result: Vec<Block<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        if message.name.is_some() && message.role != Role::Tool {
            self.dropped.add("name");
        }
        match message.role {
            Role::System | Role::Developer => self.system_message(message),
            Role::Assistant => self.assistant_message(message),
            Role::User | Role::Tool => self.user_message(message),
        }
    }

    /// Leading system text goes to its own field; later on it keeps its place, as text of the user's.
    fn system_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        let leads = self.turns.is_empty() && self.said.is_empty();
        for part in &message.parts {
            if !matches!(part.kind, PartKind::Text(_) | PartKind::Native { .. }) {
                self.dropped.add("content");
                continue;
            }
            let mut blocks = self.blocks(part)?;
            if leads { self.system.append(&mut blocks) } else { self.said.append(&mut blocks) }
        }
        Ok(())
    }

    fn assistant_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        // A second assistant message right after the first is part of the same turn, whose calls still wait.
        let goes_on = self.said.is_empty() && self.calls.iter().all(|call| call.result.is_empty());
        if !goes_on {
            self.end_turn()?;
        }
        // Reasoning has to come first in a turn, calls last.
        let mut parts: Vec<&Part> = message.parts.iter().collect();
        parts.sort_by_key(|part| match part.kind {
            PartKind::Thinking { .. } | PartKind::RedactedThinking { .. } => 0,
            PartKind::ToolCall { .. } => 2,
            _ => 1,
        });
        let mut content = Vec::with_capacity(parts.len());
        for part in parts {
            content.append(&mut self.blocks(part)?);
        }
        self.extend("assistant", content);
        Ok(())
    }

    fn user_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        for part in &message.parts {
            if let PartKind::ToolResult { id, parts, is_error, .. } = &part.kind {
                self.result(id, parts, *is_error, part.cache.as_ref())?;
            } else {
                let mut blocks = self.blocks(part)?;
                self.said.append(&mut blocks);
            }
        }
        Ok(())
    }

    fn result(&mut self, id: &'a str, parts: &'a [Part], is_error: bool, cache: Option<&CacheHint>) -> Result<(), ApiError> {
        let mut content = Vec::with_capacity(parts.len());
        for part in parts {
            match &part.kind {
                PartKind::Text(text) if self.rules.facts.json_results == Some(true) => content.push(json_result(text)),
                _ => content.extend(self.block(part)?),
            }
        }
        if content.is_empty() {
            content.push(Block::text(FILLER));
        }
        let Some(call) = self.calls.iter_mut().find(|call| call.id == id && call.result.is_empty()) else {
            return Err(unmatched(format!("the tool result for `{}` follows no such call of the assistant", short(id))));
        };
        let status = if is_error { "error" } else { "success" };
        let status = (self.rules.facts.no_result_status != Some(true)).then_some(status);
        call.result.push(Block::ToolResult(ToolResult { tool_use_id: call.written.clone(), content, status }));
        call.result.extend(self.cache.take(cache).map(Block::CachePoint));
        Ok(())
    }

    /// Writes the user's turn: the results of the last calls, then what was said.
    fn end_turn(&mut self) -> Result<(), ApiError> {
        if let Some(call) = self.calls.iter().find(|call| call.result.is_empty()) {
            return Err(unmatched(format!("the tool call `{}` has no result right after it", short(call.id))));
        }
        let results: Vec<_> = self.calls.drain(..).flat_map(|call| call.result).collect();
        let said = std::mem::take(&mut self.said);
        let apart = match self.rules.facts.results {
            Some(Beside::Alone) => !said.is_empty(),
            Some(Beside::NoDocuments) => said.iter().any(Block::is_document),
            None => false,
        };
        if apart && !results.is_empty() {
            self.extend("user", results);
            self.extend("assistant", vec![Block::text(FILLER)]);
            self.extend("user", said);
        } else {
            self.extend("user", results.into_iter().chain(said).collect());
        }
        Ok(())
    }

    /// Adds to the last turn if it is of the same role, as turns have to alternate.
    fn extend(&mut self, role: &'static str, mut content: Vec<Block<'a>>) {
        let says = |block: &Block<'_>| matches!(block, Block::Text(_));
        if content.iter().any(Block::is_document) && !content.iter().any(says) {
            // A document does not come alone.
            content.push(Block::text(FILLER));
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.append(&mut content),
            _ if content.is_empty() => {}
            _ => self.turns.push(Turn { role, content }),
        }
    }

    /// A part's block and the cache point after it.
    fn blocks(&mut self, part: &'a Part) -> Result<Vec<Block<'a>>, ApiError> {
        let mut blocks: Vec<_> = self.block(part)?.into_iter().collect();
        if !blocks.is_empty() {
            blocks.extend(self.cache.take(part.cache.as_ref()).map(Block::CachePoint));
        }
        Ok(blocks)
    }

    /// A part's block; nothing for blank text and for what cannot be said.
    fn block(&mut self, part: &'a Part) -> Result<Option<Block<'a>>, ApiError> {
        let kept = self.rules.facts.reasoning;
        Ok(match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => (!text.trim().is_empty()).then(|| Block::text(text.as_str())),
            PartKind::Image { source, detail } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped.add("detail");
                }
                Some(Block::Image(media::image(source)?))
            }
            PartKind::Document { source, name } => Some(self.document(source, name.as_deref())?),
            PartKind::Audio { format, data } => Some(Block::Audio(media::audio(format, data))),
            PartKind::ToolCall { id, name, arguments, custom } => {
                let input = if *custom { to_raw(&serde_json::json!({ "input": arguments })) } else { input_object(arguments) };
                let tool_use_id = self.ids.next(id);
                self.calls.push(Call { id, written: tool_use_id.clone(), result: Vec::new() });
                Some(Block::ToolUse(ToolUse { tool_use_id, name: tool_name::accepted(name)?, input }))
            }
            PartKind::Thinking { text, signature: Some(signature) }
                if kept == Some(ReasoningKept::Signed) && !proof::is_marked(signature) =>
            {
                Some(Block::ReasoningContent(Reasoning::ReasoningText { text, signature: Some(signature) }))
            }
            PartKind::Thinking { text, .. } if kept == Some(ReasoningKept::Unsigned) && !text.is_empty() => {
                Some(Block::ReasoningContent(Reasoning::ReasoningText { text, signature: None }))
            }
            PartKind::Thinking { text, .. } => {
                if !text.is_empty() {
                    self.dropped.add("reasoning_content");
                }
                None
            }
            PartKind::RedactedThinking { data } => (kept == Some(ReasoningKept::Signed))
                .then(|| Block::ReasoningContent(Reasoning::RedactedContent(signature::write_redacted(data)))),
            PartKind::Native { dialect: DialectId::BedrockConverse, value } => Some(Block::Native(value)),
            PartKind::Native { .. } | PartKind::ToolResult { .. } => {
                self.dropped.add("content");
                None
            }
        })
    }

    fn document(&mut self, source: &'a Media, name: Option<&str>) -> Result<Block<'a>, ApiError> {
        let name = media::document_name(name, &mut self.documents);
        media::document(source, name).map(Block::Document)
    }

    fn finish(self) -> Turns<'a> {
        let Self { rules, mut system, mut turns, .. } = self;
        let user = |text| Turn { role: "user", content: vec![Block::text(text)] };
        let first_is_assistant = turns.first().is_some_and(|turn| turn.role == "assistant");
        if turns.is_empty() || first_is_assistant && rules.facts.assistant_first != Some(true) {
            turns.insert(0, user(FILLER));
        }
        if rules.facts.no_system == Some(true) {
            let text = system.drain(..).filter(|block| matches!(block, Block::Text(_)));
            if let Some(first) = turns.first_mut() {
                first.content.splice(..0, text);
            }
        }
        if let Some(turn) = turns.last_mut()
            && turn.role == "assistant"
        {
            // The vendor refuses a prefill that ends in white space.
            if let Some(Block::Text(text)) = turn.content.last_mut() {
                *text = Cow::Owned(text.trim_end().to_owned());
            }
            if rules.claude.is_some_and(|claude| !claude.prefill) {
                turns.push(user(CONTINUE));
            }
        }
        Turns { system, turns }
    }
}

/// A result's text as JSON, which has to be an object.
fn json_result<'a>(text: &str) -> Block<'a> {
    let object = serde_json::from_str::<Box<serde_json::value::RawValue>>(text.trim()).ok().filter(|raw| raw.get().starts_with('{'));
    Block::Json(object.unwrap_or_else(|| to_raw(&serde_json::json!({ "result": text }))))
}

fn unmatched(message: String) -> ApiError {
    ApiError::invalid("invalid_value", "messages", message)
}

/// An id short enough to be quoted.
fn short(id: &str) -> &str {
    id.get(..id.floor_char_boundary(80)).unwrap_or(id)
}
