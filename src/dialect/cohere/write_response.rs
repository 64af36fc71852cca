//! Writes a whole answer to a client.

use serde::Serialize;
use serde_json::Value;

use super::usage::ClientUsage;
use super::write_messages::Call;
use super::{citation, finish, logprobs};
use crate::base::id;
use crate::chat::{Choice, PartKind, Response};

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    finish_reason: &'static str,
    message: Message<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<ClientUsage>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logprobs: Vec<logprobs::Item>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content: Vec<Block<'a>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    tool_plan: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    citations: Vec<Value>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str },
}

/// The vendor's id, or a new one.
pub(super) fn response_id(vendors: Option<String>) -> String {
    vendors.filter(|id| !id.is_empty()).unwrap_or_else(|| id::random("", 22))
}

/// The answer's JSON. Of several choices only the first fits in: this format has one answer.
pub(super) fn write_response(response: Response) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let called = choice.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    let (mut content, mut plan, mut tool_calls) = (Vec::new(), String::new(), Vec::new());
    for part in &choice.parts {
        match &part.kind {
            // What the model says before it calls tools is its plan, which clients send back with the calls.
            PartKind::Text(text) | PartKind::Refusal(text) if called => plan.push_str(text),
            PartKind::Text(text) | PartKind::Refusal(text) => content.push(Block::Text { text }),
            PartKind::Thinking { text, .. } if !text.is_empty() => content.push(Block::Thinking { thinking: text }),
            PartKind::ToolCall { id, name, arguments, .. } => tool_calls.push(Call::new(id, name, arguments)),
            // This format has no place for proofs, and an answer holds no other parts.
            _ => {}
        }
    }
    if content.is_empty() && !called {
        // Clients index the first block.
        content.push(Block::Text { text: "" });
    }
    let text: String = choice.parts.iter().map(|part| if let PartKind::Text(text) = &part.kind { text.as_str() } else { "" }).collect();
    let place = if called { None } else { content.iter().position(|block| matches!(block, Block::Text { .. })) };
    let place = place.and_then(|at| u32::try_from(at).ok());
    let body = Body {
        id: &response_id(response.id),
        finish_reason: finish::write(choice.finish, choice.stop_sequence.is_some()),
        message: Message {
            role: "assistant",
            content,
            tool_plan: plan,
            tool_calls,
            citations: choice.citations.iter().map(|citation| citation::write(citation, &text, place)).collect(),
        },
        usage: response.usage.map(ClientUsage::from),
        logprobs: choice.logprobs.as_ref().map(logprobs::of).unwrap_or_default(),
    };
    // Strings and numbers always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}
