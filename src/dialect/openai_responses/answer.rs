//! A vendor's output items.

use serde_json::Value;

use super::reasoning_item;
use crate::chat::{Citation, PartKind};

/// An item in the hub's terms.
pub(super) enum Item {
    Message(Vec<Content>),
    Thought(PartKind),
    Call { id: String, name: String, arguments: String, custom: bool },
}

/// A part of a message.
pub(super) enum Content {
    Text { text: String, citations: Vec<Citation>, logprobs: Vec<Value> },
    Refusal(String),
}

/// Reads an item. `None` for the vendor's own tools at work, and for what is yet to be invented.
pub(super) fn read_item(item: &Value) -> Option<Item> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    match item.get("type").and_then(Value::as_str)? {
        "message" => {
            Some(Item::Message(item.get("content").and_then(Value::as_array).into_iter().flatten().filter_map(read_content).collect()))
        }
        "reasoning" => reasoning_item::read(item).map(Item::Thought),
        "function_call" => {
            Some(Item::Call { id: text("call_id")?, name: text("name")?, arguments: text("arguments").unwrap_or_default(), custom: false })
        }
        "custom_tool_call" => {
            Some(Item::Call { id: text("call_id")?, name: text("name")?, arguments: text("input").unwrap_or_default(), custom: true })
        }
        _ => None,
    }
}

fn read_content(part: &Value) -> Option<Content> {
    let text = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |key: &str| part.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match part.get("type").and_then(Value::as_str)? {
        "output_text" => Some(Content::Text {
            text: text("text")?,
            citations: list("annotations").iter().filter_map(read_annotation).collect(),
            logprobs: list("logprobs").to_vec(),
        }),
        "refusal" => text("refusal").map(Content::Refusal),
        _ => None,
    }
}

/// A citation of a web page; those of files have no form in the hub.
pub(super) fn read_annotation(annotation: &Value) -> Option<Citation> {
    let text = |key: &str| annotation.get(key).and_then(Value::as_str).map(str::to_owned);
    let at = |key: &str| annotation.get(key).and_then(Value::as_u64);
    Some(Citation { url: Some(text("url")?), title: text("title"), start: at("start_index"), end: at("end_index"), native: None })
}
