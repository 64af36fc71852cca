//! Writes a whole answer to a client.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::block::{Block, Reasoning, ToolUse};
use super::fields::STOP_SEQUENCE_PATH;
use super::usage::WireUsage;
use super::{signature, stop};
use crate::chat::{Choice, PartKind, Response};
use crate::dialect::anthropic_messages::write_response::input_object;
use crate::dialect::{Reply, call_id};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    output: Output<'a>,
    stop_reason: &'static str,
    usage: WireUsage,
    metrics: Metrics,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_response_fields: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Value>,
}

#[derive(Serialize)]
struct Output<'a> {
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

/// The vendor's own time, which clients insist on and nobody else's answer tells.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metrics {
    latency_ms: u64,
}

/// The answer's JSON. Of several choices only the first fits in: this format has one answer.
pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let mut content: Vec<_> = choice.parts.iter().filter_map(|part| block(&part.kind)).collect();
    let called = content.iter().any(|block| matches!(block, Block::ToolUse(_)));
    if content.is_empty() {
        // Clients index the first block.
        content.push(Block::text(""));
    }
    let body = Body {
        output: Output { message: Message { role: "assistant", content } },
        stop_reason: stop::write(choice.finish, choice.stop_sequence.as_deref(), called),
        usage: WireUsage::of(&response.usage.unwrap_or_default()),
        metrics: Metrics::default(),
        additional_model_response_fields: response_fields(choice.stop_sequence.as_deref(), asks_stop_sequence(reply)),
        service_tier: response.service_tier.as_ref().map(|tier| json!({ "type": tier })),
    };
    // Strings, numbers and raw values always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Whether the client wants to be told which stop sequence ended the answer.
pub(super) fn asks_stop_sequence(reply: &Reply) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        #[serde(default)]
        additional_model_response_field_paths: Vec<String>,
    }
    let asked = serde_json::from_slice::<Asked>(&reply.request);
    asked.is_ok_and(|asked| asked.additional_model_response_field_paths.iter().any(|path| path == STOP_SEQUENCE_PATH))
}

/// What the client asked to be told beside the answer.
pub(super) fn response_fields(stop_sequence: Option<&str>, asked: bool) -> Option<Value> {
    asked.then(|| json!({ "stop_sequence": stop_sequence }))
}

fn block(kind: &PartKind) -> Option<Block<'_>> {
    Some(match kind {
        PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty() => return None,
        PartKind::Text(text) | PartKind::Refusal(text) => Block::text(text.as_str()),
        PartKind::Thinking { text, signature } => {
            Block::ReasoningContent(Reasoning::ReasoningText { text, signature: signature.as_deref() })
        }
        PartKind::RedactedThinking { data } => Block::ReasoningContent(Reasoning::RedactedContent(signature::write_redacted(data))),
        PartKind::ToolCall { id, name, arguments, .. } => {
            Block::ToolUse(ToolUse { tool_use_id: call_id::accepted(id, call_id::WORD), name: name.into(), input: input_object(arguments) })
        }
        // An answer holds no other parts.
        PartKind::Image { .. }
        | PartKind::Audio { .. }
        | PartKind::Document { .. }
        | PartKind::ToolResult { .. }
        | PartKind::Native { .. } => return None,
    })
}
