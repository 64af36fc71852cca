//! Writes a whole answer to a client.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::is_own_citation;
use super::signature::UNSIGNED;
use super::stop;
use super::usage::ClientUsage;
use crate::base::id;
use crate::base::raw::to_raw;
use crate::chat::{Choice, PartKind, Response, Usage};
use crate::dialect::{Reply, call_id};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    r#type: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    usage: ClientUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<&'a Value>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: &'a str,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Box<RawValue>,
    },
}

/// The answer's JSON. Of several choices only the first fits in: this format has one answer.
pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let mut content = blocks(choice);
    let called = content.iter().any(|block| matches!(block, Block::ToolUse { .. }));
    if content.is_empty() {
        // Clients index the first block.
        content.push(Block::Text { text: "", citations: Vec::new() });
    }
    let message = Message {
        id: message_id(response.id.as_deref()),
        r#type: "message",
        role: "assistant",
        model: &reply.requested_model,
        content,
        stop_reason: stop::from_finish(choice.finish, choice.stop_sequence.as_deref(), called),
        stop_sequence: choice.stop_sequence.as_deref(),
        usage: ClientUsage::new(&response.usage.unwrap_or(Usage { prompt: reply.prompt_estimate, ..Usage::default() })),
    };
    // Strings, numbers and raw values always serialise.
    serde_json::to_vec(&message).unwrap_or_default()
}

/// The vendor's id where it has Anthropic's form, else a new one.
pub(super) fn message_id(vendors: Option<&str>) -> String {
    match vendors {
        Some(own) if own.starts_with("msg_") => own.to_owned(),
        _ => id::random("msg_", 24),
    }
}

/// The arguments as a JSON object. What is not one is wrapped, so that the client sees what the model wrote.
pub(in crate::dialect) fn input_object(arguments: &str) -> Box<RawValue> {
    let text = arguments.trim();
    if text.is_empty() {
        return to_raw(&serde_json::Map::new());
    }
    match serde_json::from_str::<Box<RawValue>>(text) {
        Ok(raw) if raw.get().starts_with('{') => raw,
        _ => to_raw(&std::collections::BTreeMap::from([("arguments", arguments)])),
    }
}

fn blocks(choice: &Choice) -> Vec<Block<'_>> {
    let mut length = 0;
    let mut blocks = Vec::with_capacity(choice.parts.len());
    for part in &choice.parts {
        blocks.push(match &part.kind {
            PartKind::Text(text) => {
                let start = length;
                length += text.chars().count() as u64;
                if text.is_empty() {
                    continue;
                }
                let own = choice.citations.iter().filter(|c| c.start.is_some_and(|at| (start..length).contains(&at)));
                let citations = own.filter_map(|c| c.native.as_ref()).filter(|c| is_own_citation(c)).collect();
                Block::Text { text, citations }
            }
            PartKind::Refusal(text) if !text.is_empty() => Block::Text { text, citations: Vec::new() },
            PartKind::Thinking { text, signature } => {
                Block::Thinking { thinking: text, signature: signature.as_deref().unwrap_or(UNSIGNED) }
            }
            PartKind::RedactedThinking { data } => Block::RedactedThinking { data },
            PartKind::ToolCall { id, name, arguments, .. } => {
                Block::ToolUse { id: call_id::accepted(id, call_id::WORD), name, input: input_object(arguments) }
            }
            // An answer holds no other parts.
            PartKind::Refusal(_)
            | PartKind::Image { .. }
            | PartKind::Audio { .. }
            | PartKind::Document { .. }
            | PartKind::ToolResult { .. }
            | PartKind::Native { .. } => continue,
        });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{FinishReason, Part};
    use crate::dialect::anthropic_messages::read_response::read_response;

    fn reply() -> Reply {
        Reply {
            requested_model: "fast".into(),
            upstream_model: "gpt".into(),
            include_usage: true,
            prompt_estimate: 11,
            created: 1,
            request: bytes::Bytes::new(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let call = PartKind::ToolCall { id: "call_1".into(), name: "f".into(), arguments: r#"{"a":1.50}"#.into(), custom: false };
        let response = Response {
            id: Some("msg_9".into()),
            model: Some("gpt".into()),
            choices: vec![Choice {
                parts: [PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) }, PartKind::Text("hi".into()), call]
                    .map(Part::from)
                    .into(),
                finish: FinishReason::ToolCalls,
                ..Choice::default()
            }],
            usage: Some(Usage { prompt: 9, completion: 2, cached: Some(4), cache_write: Some(1), ..Usage::default() }),
            ..Response::default()
        };
        let text = write_response(&response, &reply());
        assert!(String::from_utf8_lossy(&text).contains(r#""input":{"a":1.50}"#), "numbers keep their spelling");
        let mut back = read_response(&text).unwrap();
        assert_eq!(back.model.as_deref(), Some("fast"));
        back.model = response.model.clone();
        assert_eq!(back, response);
    }

    #[test]
    fn gaps_are_filled_the_way_clients_expect() {
        let mut response = Response { id: Some("chatcmpl-1".into()), choices: vec![Choice::default()], ..Response::default() };
        let value: Value = serde_json::from_slice(&write_response(&response, &reply())).unwrap();
        assert_eq!(value["content"], serde_json::json!([{"type": "text", "text": ""}]));
        assert_eq!(value["stop_reason"], "end_turn");
        assert_eq!(value["usage"]["input_tokens"], 11);
        assert!(value["id"].as_str().unwrap().starts_with("msg_"));

        let broken = PartKind::ToolCall { id: "a.b".into(), name: "f".into(), arguments: "{\"a\":".into(), custom: false };
        response.choices[0].parts = vec![PartKind::Thinking { text: "hm".into(), signature: None }.into(), broken.into()];
        let value: Value = serde_json::from_slice(&write_response(&response, &reply())).unwrap();
        assert_eq!(value["content"][0]["signature"], UNSIGNED);
        assert_eq!(value["content"][1]["input"], serde_json::json!({"arguments": "{\"a\":"}));
        assert_eq!(value["stop_reason"], "tool_use");
    }
}
