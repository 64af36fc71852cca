//! The conversation as Gemini wants it: system text apart, user and model taking turns, every call answered in the very next
//! turn, which holds nothing else.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Serialize;

use super::models::Rules;
use super::part::{FunctionResponse, Outcome, WirePart};
use super::signature;
use crate::chat::{ApiError, DialectId, Dropped, Message, Part, PartKind, Request, Role};

/// Stands where the vendor insists on a turn of the user's and there is none.
const FILLER: &str = ".";

#[derive(Serialize)]
pub(super) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    pub(super) parts: Vec<WirePart<'a>>,
}

/// The request's conversation.
pub(super) struct Contents<'a> {
    pub(super) system: Vec<WirePart<'a>>,
    pub(super) turns: Vec<Content<'a>>,
}

/// Turns the request's messages into system text and turns.
pub(super) fn contents<'a>(request: &'a Request, rules: &Rules, dropped: &mut Dropped) -> Result<Contents<'a>, ApiError> {
    let mut writer = Writer { rules: *rules, dropped, system: Vec::new(), turns: Vec::new(), calls: Vec::new(), after: Vec::new() };
    for message in &request.messages {
        writer.message(message)?;
    }
    writer.answer_calls()?;
    if writer.turns.first().is_none_or(|turn| turn.role == Some("model")) {
        writer.turns.insert(0, Content { role: Some("user"), parts: vec![WirePart::text(FILLER)] });
    }
    Ok(Contents { system: writer.system, turns: writer.turns })
}

struct Writer<'a, 'd> {
    rules: Rules,
    dropped: &'d mut Dropped,
    system: Vec<WirePart<'a>>,
    turns: Vec<Content<'a>>,
    /// The calls of the model's turn just written, in their order.
    calls: Vec<Call<'a>>,
    /// Media of results, for models that take them only in a turn of their own.
    after: Vec<WirePart<'a>>,
}

struct Call<'a> {
    id: &'a str,
    name: &'a str,
    result: Option<WirePart<'a>>,
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
        let mut parts = self.parts(&message.parts)?;
        if self.turns.is_empty() {
            self.system.append(&mut parts);
            return Ok(());
        }
        self.extend("user", parts)
    }

    fn assistant_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        // A second assistant message right after the first is part of the same turn, whose calls still wait.
        let goes_on = self.turns.last().is_some_and(|turn| turn.role == Some("model")) && self.calls.iter().all(|c| c.result.is_none());
        if !goes_on {
            self.answer_calls()?;
        }
        let mut parts = Vec::with_capacity(message.parts.len());
        let mut proofs: VecDeque<Cow<'a, str>> = VecDeque::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Thinking { text, signature } => match signature.as_deref().and_then(signature::own) {
                    Some(proof) => {
                        if !text.is_empty() {
                            parts.push(WirePart::thought(text.as_str(), None));
                        }
                        proofs.push_back(Cow::Borrowed(proof));
                    }
                    // The vendor has no use for thinking of others.
                    None => {
                        if !text.is_empty() {
                            self.dropped.add("reasoning_content");
                        }
                    }
                },
                PartKind::ToolCall { id, name, arguments, custom } => {
                    let first = self.calls.is_empty();
                    let proof = proofs.pop_front().or_else(|| (self.rules.third && first).then_some(Cow::Borrowed(signature::UNCHECKED)));
                    let written = self.rules.call_ids.then_some(Cow::Borrowed(id.as_str()));
                    let input = if *custom { Cow::Owned(serde_json::json!({ "input": arguments }).to_string()) } else { arguments.into() };
                    parts.push(WirePart::call(written, name.as_str(), &input, proof));
                    self.calls.push(Call { id, name, result: None });
                }
                _ => parts.extend(self.part(part)?),
            }
        }
        match self.turns.last_mut() {
            Some(turn) if turn.role == Some("model") => turn.parts.append(&mut parts),
            _ if parts.is_empty() => {}
            _ => self.turns.push(Content { role: Some("model"), parts }),
        }
        Ok(())
    }

    fn user_message(&mut self, message: &'a Message) -> Result<(), ApiError> {
        let mut said = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::ToolResult { id, parts, is_error, .. } => self.result(id, parts, *is_error)?,
                _ => said.extend(self.part(part)?),
            }
        }
        if said.is_empty() { Ok(()) } else { self.extend("user", said) }
    }

    fn result(&mut self, id: &'a str, parts: &'a [Part], is_error: bool) -> Result<(), ApiError> {
        let (mut text, mut media) = (String::new(), Vec::new());
        for part in parts {
            match &part.kind {
                PartKind::Text(more) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(more);
                }
                _ => media.extend(self.part(part)?),
            }
        }
        if !self.rules.third {
            self.after.append(&mut media);
        }
        let call_ids = self.rules.call_ids;
        let Some(call) = self.calls.iter_mut().find(|call| call.id == id && call.result.is_none()) else {
            return Err(unmatched(format!("the tool result for `{}` follows no such call of the assistant", short(id))));
        };
        let response = if is_error { Outcome::Error(text) } else { Outcome::Output(text) };
        let function_response = FunctionResponse { name: call.name, response, id: call_ids.then_some(call.id), parts: media };
        call.result = Some(WirePart::Response { function_response });
        Ok(())
    }

    /// Writes the results of the last model turn's calls, in the calls' order, as a turn of their own.
    fn answer_calls(&mut self) -> Result<(), ApiError> {
        let mut results = Vec::with_capacity(self.calls.len());
        for call in self.calls.drain(..) {
            let missing = || unmatched(format!("the tool call `{}` has no result right after it", short(call.id)));
            results.push(call.result.ok_or_else(missing)?);
        }
        if !results.is_empty() {
            self.turns.push(Content { role: Some("user"), parts: results });
        }
        if !self.after.is_empty() {
            self.turns.push(Content { role: Some("user"), parts: std::mem::take(&mut self.after) });
        }
        Ok(())
    }

    /// Adds to the last turn of the user's, unless that holds results.
    fn extend(&mut self, role: &'static str, mut parts: Vec<WirePart<'a>>) -> Result<(), ApiError> {
        self.answer_calls()?;
        match self.turns.last_mut() {
            Some(turn) if turn.role == Some(role) && !matches!(turn.parts.first(), Some(WirePart::Response { .. })) => {
                turn.parts.append(&mut parts);
            }
            _ if parts.is_empty() => {}
            _ => self.turns.push(Content { role: Some(role), parts }),
        }
        Ok(())
    }

    fn parts(&mut self, parts: &'a [Part]) -> Result<Vec<WirePart<'a>>, ApiError> {
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            written.extend(self.part(part)?);
        }
        Ok(written)
    }

    /// A part of any turn; nothing for empty text and for what cannot be said.
    fn part(&mut self, part: &'a Part) -> Result<Option<WirePart<'a>>, ApiError> {
        Ok(match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => (!text.is_empty()).then(|| WirePart::text(text.as_str())),
            PartKind::Image { source, detail } => {
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.dropped.add("detail");
                }
                Some(WirePart::media(source)?)
            }
            PartKind::Document { source, .. } => Some(WirePart::media(source)?),
            PartKind::Audio { format, data } => Some(WirePart::inline(format!("audio/{format}"), data)),
            PartKind::Native { dialect: DialectId::Gemini, value } => Some(WirePart::Native(value)),
            PartKind::RedactedThinking { .. } => None,
            PartKind::Thinking { .. } | PartKind::Native { .. } | PartKind::ToolCall { .. } | PartKind::ToolResult { .. } => {
                self.dropped.add("content");
                None
            }
        })
    }
}

fn unmatched(message: String) -> ApiError {
    ApiError::invalid("invalid_value", "messages", message)
}

/// An id short enough to be quoted.
fn short(id: &str) -> &str {
    id.get(..id.floor_char_boundary(80)).unwrap_or(id)
}
