//! The conversation as Anthropic wants it: system text apart, user and assistant taking turns, every tool call answered at the
//! start of the very next turn, no empty text.

use std::borrow::Cow;

use serde::Serialize;

use super::block::{Block, CacheMarkers, Source, unsupported};
use super::models::Rules;
use super::write_response::input_object;
use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Dropped, Message, Part, PartKind, Request, Role};
use crate::dialect::{call_id, proof};

/// Stands where the vendor insists on a turn and the client has nothing to say.
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
    rules: &Rules,
    cache: &mut CacheMarkers,
    dropped: &mut Dropped,
) -> Result<Turns<'a>, ApiError> {
    let own = request.origin == DialectId::AnthropicMessages;
    let mut writer = Writer {
        own,
        cache,
        dropped,
        system: Vec::new(),
        turns: Vec::new(),
        calls: Vec::new(),
        results: Vec::new(),
        ids: call_id::Unique::new(call_id::WORD),
    };
    for message in &request.messages {
        writer.message(message)?;
    }
    writer.answer_calls()?;
    writer.finish(rules)
}

struct Writer<'a, 'd> {
    /// The request came in this dialect: what only it knows goes back as it came.
    own: bool,
    cache: &'d mut CacheMarkers,
    dropped: &'d mut Dropped,
    system: Vec<Block<'a>>,
    turns: Vec<Turn<'a>>,
    /// The calls of the assistant turn just written.
    calls: Vec<Call<'a>>,
    /// Their results as far as they have come, in the order they came.
    results: Vec<Block<'a>>,
    /// The vendor wants call ids to be unique.
    ids: call_id::Unique,
}

struct Call<'a> {
    /// The id as the client wrote it.
    id: &'a str,
    written: Cow<'a, str>,
    answered: bool,
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

    /// Leading system text goes to its own field. Later on it keeps its place: as a system turn if the client speaks this dialect
    /// and so knows that the model takes one, else as text of the user's.
    fn system_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        let mut blocks = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            match &part.kind {
                PartKind::Text(_) | PartKind::Native { .. } => blocks.extend(self.block(part)?),
                _ => self.dropped.add("content"),
            }
        }
        match &mut self.turns[..] {
            [] => self.system.append(&mut blocks),
            [..] if blocks.is_empty() => {}
            [..] if self.own => {
                self.answer_calls()?;
                self.turns.push(Turn { role: "system", content: blocks });
            }
            [..] => self.extend("user", blocks),
        }
        Ok(())
    }

    fn assistant_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        // A second assistant message right after the first is part of the same turn, whose calls still wait.
        if self.turns.last().is_none_or(|turn| turn.role != "assistant") || !self.results.is_empty() {
            self.answer_calls()?;
        }
        let mut blocks = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            if let PartKind::ToolCall { id, name, arguments, custom } = &part.kind {
                let input = if *custom { to_raw(&serde_json::json!({ "input": arguments })) } else { input_object(arguments) };
                let written = self.ids.next(id);
                self.calls.push(Call { id, written: written.clone(), answered: false });
                let cache_control = self.cache.take(part.cache.as_ref());
                blocks.push(Block::ToolUse { id: written, name, input, cache_control });
            } else {
                blocks.extend(self.block(part)?);
            }
        }
        if !blocks.is_empty() {
            self.extend("assistant", blocks);
        }
        Ok(())
    }

    fn user_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        let mut blocks = Vec::with_capacity(message.parts.len());
        for part in &message.parts {
            let PartKind::ToolResult { id, parts, is_error, .. } = &part.kind else {
                blocks.extend(self.block(part)?);
                continue;
            };
            let Some(at) = self.calls.iter().position(|call| call.id == id && !call.answered) else {
                return Err(unmatched(format!("the tool result for `{}` follows no such call of the assistant", short(id))));
            };
            let mut content = Vec::with_capacity(parts.len());
            for part in parts {
                content.extend(self.block(part)?);
            }
            let cache_control = self.cache.take(part.cache.as_ref());
            if let Some(call) = self.calls.get_mut(at) {
                let tool_use_id = call.written.clone();
                call.answered = true;
                self.results.push(Block::ToolResult { tool_use_id, content, is_error: *is_error, cache_control });
            }
        }
        if !blocks.is_empty() {
            self.extend("user", blocks);
        }
        Ok(())
    }

    /// Writes the results of the last assistant turn's calls before anything said since.
    fn answer_calls(&mut self) -> Result<(), ApiError> {
        if let Some(call) = self.calls.iter().find(|call| !call.answered) {
            return Err(unmatched(format!("the tool call `{}` has no result right after it", short(call.id))));
        }
        self.calls.clear();
        let mut results = std::mem::take(&mut self.results);
        if results.is_empty() {
            return Ok(());
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == "user" => {
                results.append(&mut turn.content);
                turn.content = results;
            }
            _ => self.turns.push(Turn { role: "user", content: results }),
        }
        Ok(())
    }

    /// Adds to the last turn if it is of the same role, as the vendor wants turns to alternate.
    fn extend(&mut self, role: &'static str, mut blocks: Vec<Block<'a>>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == role => turn.content.append(&mut blocks),
            _ => self.turns.push(Turn { role, content: blocks }),
        }
        if role == "assistant"
            && !self.own
            && let Some(turn) = self.turns.last_mut()
        {
            turn.content.sort_by_key(Block::rank);
        }
    }

    /// A part's block; nothing for empty text and for what cannot be said.
    fn block(&mut self, part: &'a Part) -> Result<Option<Block<'a>>, ApiError> {
        let block = match &part.kind {
            // The vendor refuses text that is blank.
            PartKind::Text(text) | PartKind::Refusal(text) if text.trim().is_empty() => None,
            PartKind::Text(text) | PartKind::Refusal(text) => {
                Some(Block::Text { text: Cow::Borrowed(text), cache_control: self.cache.take(part.cache.as_ref()) })
            }
            PartKind::Image { source, detail } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped.add("detail");
                }
                let source = Source::image(source, self.own)?;
                Some(Block::Image { source, cache_control: self.cache.take(part.cache.as_ref()) })
            }
            PartKind::Document { source, name } => {
                let source = Source::document(source, self.own)?;
                let title = name.as_deref().filter(|name| !name.is_empty());
                Some(Block::Document { source, title, cache_control: self.cache.take(part.cache.as_ref()) })
            }
            PartKind::Audio { .. } => return Err(unsupported("input_audio", "this vendor does not take input_audio")),
            PartKind::Thinking { text, signature: Some(signature) } if !proof::is_marked(signature) => {
                Some(Block::Thinking { thinking: text, signature })
            }
            // The vendor takes no thinking that it cannot verify.
            PartKind::Thinking { text, .. } => {
                if !text.is_empty() && !self.own {
                    self.dropped.add("reasoning_content");
                }
                None
            }
            PartKind::RedactedThinking { data } => Some(Block::RedactedThinking { data }),
            PartKind::Native { dialect: DialectId::AnthropicMessages, value } => Some(Block::Native(value)),
            PartKind::Native { .. } | PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => {
                self.dropped.add("content");
                None
            }
        };
        Ok(block)
    }

    fn finish(mut self, rules: &Rules) -> Result<Turns<'a>, ApiError> {
        if self.turns.first().is_none_or(|turn| turn.role == "assistant") {
            self.turns.insert(0, Turn { role: "user", content: vec![Block::text(FILLER)] });
        }
        if let Some(turn) = self.turns.last_mut()
            && turn.role == "assistant"
        {
            // The vendor refuses a prefill that ends in white space.
            if let Some(Block::Text { text, .. }) = turn.content.last_mut() {
                *text = Cow::Owned(text.trim_end().to_owned());
            }
            if !rules.prefill && !self.own {
                self.turns.push(Turn { role: "user", content: vec![Block::text(CONTINUE)] });
            }
        }
        Ok(Turns { system: self.system, turns: self.turns })
    }
}

fn unmatched(message: String) -> ApiError {
    ApiError::invalid("invalid_value", "messages", message)
}

/// An id short enough to be quoted.
fn short(id: &str) -> &str {
    id.get(..id.floor_char_boundary(80)).unwrap_or(id)
}
