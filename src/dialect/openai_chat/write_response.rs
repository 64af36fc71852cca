//! Writes a whole answer as `chat.completion`.
//!
//! Beyond OpenAI's format a message may hold `reasoning_content`, the reasoning's text, and `thinking_blocks`, the same with
//! the vendor's signatures: a client that sends the message back with them keeps the model's reasoning over tool calls.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use super::{finish, usage};
use crate::base::{id, raw};
use crate::chat::{Choice, Citation, PartKind, Response};
use crate::dialect::Reply;

#[derive(Serialize)]
struct Answer<'a> {
    id: Cow<'a, str>,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<WireChoice>,
    usage: usage::Wire,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct WireChoice {
    index: u32,
    message: Message,
    logprobs: Option<Value>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    #[serde(serialize_with = "raw::maybe_text")]
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "raw::maybe_text")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
}

/// Writes an answer.
pub fn write(response: Response, reply: &Reply) -> Vec<u8> {
    let answer = Answer {
        id: response.id.map_or_else(|| id::random("chatcmpl-", 29).into(), Cow::Owned),
        object: "chat.completion",
        created: response.created.unwrap_or(reply.created),
        model: response.model.as_deref().unwrap_or(&reply.upstream_model),
        choices: response.choices.into_iter().map(write_choice).collect(),
        usage: usage::Wire::of(&response.usage.unwrap_or_default()),
        service_tier: service_tier(response.service_tier.as_deref()),
    };
    // All keys are texts, and writing to memory does not fail.
    serde_json::to_vec(&answer).unwrap_or_default()
}

/// OpenAI's word for a tier; other vendors' words are not for its clients.
fn service_tier(tier: Option<&str>) -> Option<&'static str> {
    ["auto", "default", "flex", "scale", "priority"].into_iter().find(|word| tier == Some(*word))
}

fn write_choice(choice: Choice) -> WireChoice {
    let (mut text, mut reasoning, mut refusal) = (None::<String>, None::<String>, None::<String>);
    let (mut calls, mut blocks) = (Vec::new(), Vec::new());
    let append = |held: &mut Option<String>, more: String| match held {
        Some(held) => held.push_str(&more),
        None => *held = Some(more),
    };
    for part in choice.parts {
        match part.kind {
            PartKind::Text(more) => append(&mut text, more),
            PartKind::Refusal(more) => append(&mut refusal, more),
            PartKind::Thinking { text, signature } => {
                blocks.extend(signature.map(|signature| thinking_block(&text, &signature)));
                append(&mut reasoning, text);
            }
            PartKind::RedactedThinking { data } => blocks.push(redacted_block(&data)),
            PartKind::ToolCall { id, name, arguments, custom } => calls.push(write_call(&id, &name, &arguments, custom)),
            // An answer holds no other parts.
            PartKind::Image { .. }
            | PartKind::Audio { .. }
            | PartKind::Document { .. }
            | PartKind::ToolResult { .. }
            | PartKind::Native { .. } => {}
        }
    }
    let finish = finish::write(choice.finish, !calls.is_empty());
    // A message always has content, but for those that consist of calls or a refusal.
    let silent = calls.is_empty() && refusal.is_none();
    let message = Message {
        role: "assistant",
        content: text.or_else(|| silent.then(String::new)),
        refusal,
        reasoning_content: reasoning.filter(|text| !text.is_empty()),
        thinking_blocks: blocks,
        annotations: annotations(&choice.citations),
        tool_calls: calls,
    };
    WireChoice { index: choice.index, message, logprobs: choice.logprobs, finish_reason: finish }
}

/// A call as part of an assistant message. A function's arguments are always JSON text.
pub fn write_call(id: &str, name: &str, arguments: &str, custom: bool) -> Value {
    if custom {
        return json!({"id": id, "type": "custom", "custom": {"name": name, "input": arguments}});
    }
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// Reasoning with the proof that it is unaltered.
pub fn thinking_block(text: &str, signature: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": signature})
}

/// Reasoning only its vendor can read.
pub fn redacted_block(data: &str) -> Value {
    json!({"type": "redacted_thinking", "data": data})
}

/// Citations of web pages; others have no form in this dialect.
pub fn annotations(citations: &[Citation]) -> Vec<Value> {
    let write = |citation: &Citation| {
        let url = citation.url.as_deref()?;
        Some(json!({
            "type": "url_citation",
            "url_citation": {
                "url": url,
                "title": citation.title.as_deref().unwrap_or_default(),
                "start_index": citation.start.unwrap_or(0),
                "end_index": citation.end.unwrap_or(0),
            },
        }))
    };
    citations.iter().filter_map(write).collect()
}

#[cfg(test)]
mod tests {
    use super::super::read_response;
    use super::*;
    use crate::chat::{FinishReason, Part, Usage};

    pub fn reply() -> Reply {
        Reply {
            requested_model: "alias".into(),
            upstream_model: "m".into(),
            include_usage: true,
            prompt_estimate: 0,
            created: 7,
            request: bytes::Bytes::new(),
        }
    }

    fn response(kinds: Vec<PartKind>, finish: FinishReason) -> Response {
        Response {
            id: Some("id".into()),
            model: Some("m-1".into()),
            created: Some(9),
            choices: vec![Choice {
                parts: kinds.into_iter().map(Part::from).collect(),
                finish,
                citations: vec![Citation { url: Some("u".into()), title: Some("t".into()), start: Some(1), end: Some(2), native: None }],
                logprobs: Some(json!({"content": []})),
                ..Choice::default()
            }],
            usage: Some(Usage { prompt: 3, completion: 4, cached: Some(1), reasoning: Some(2), ..Usage::default() }),
            service_tier: Some("default".into()),
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let call = |id: &str| PartKind::ToolCall { id: id.into(), name: "f".into(), arguments: "{\"a\":1}".into(), custom: false };
        for (kinds, finish) in [
            (vec![PartKind::Text("hi".into())], FinishReason::Stop),
            (vec![PartKind::Refusal("no".into())], FinishReason::ContentFilter),
            (vec![PartKind::Thinking { text: "hm".into(), signature: None }, PartKind::Text("hi".into())], FinishReason::Length),
            (
                vec![
                    PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) },
                    PartKind::RedactedThinking { data: "d".into() },
                    call("a"),
                    call("b"),
                    PartKind::ToolCall { id: "c".into(), name: "g".into(), arguments: "free text".into(), custom: true },
                ],
                FinishReason::ToolCalls,
            ),
        ] {
            let response = response(kinds, finish);
            assert_eq!(read_response::read(&write(response.clone(), &reply())).unwrap(), response);
        }
    }

    #[test]
    fn what_the_vendor_did_not_say_is_filled_in() {
        let body: Value =
            serde_json::from_slice(&write(Response { choices: vec![Choice::default()], ..Response::default() }, &reply())).unwrap();
        assert_eq!(body["model"], "m");
        assert_eq!(body["created"], 7);
        assert_eq!(body["choices"][0]["message"]["content"], "");
        assert_eq!(body["usage"]["total_tokens"], 0);
        assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    }
}
