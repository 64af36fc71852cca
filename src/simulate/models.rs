//! `/models` in both vendors' shapes.

use serde_json::{Value, json};

use super::manners;
use super::router::Answer;
use crate::chat::DialectId;

const CREATED: u64 = 1_735_689_600;

/// The `configured` models, or the dialect's usual ones.
pub(super) fn list(configured: &[String], id: DialectId) -> Answer {
    let usual = manners::of(id).models;
    let names: Vec<&str> = if configured.is_empty() { usual.to_vec() } else { configured.iter().map(String::as_str).collect() };
    let data: Value = names.iter().map(|name| model(name, id)).collect();
    Answer::json(&match id {
        DialectId::OpenAiChat => json!({"object": "list", "data": data}),
        DialectId::AnthropicMessages => {
            json!({"data": data, "has_more": false, "first_id": names.first(), "last_id": names.last()})
        }
    })
}

/// Any model exists.
pub(super) fn one(name: &str, id: DialectId) -> Answer {
    Answer::json(&model(name, id))
}

fn model(name: &str, id: DialectId) -> Value {
    match id {
        DialectId::OpenAiChat => json!({"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}),
        DialectId::AnthropicMessages => {
            json!({"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"})
        }
    }
}
