//! Brings one assistant message, or one delta of it, to the letter of the format. Tool calls are `calls`' business.

use serde_json::{Map, Value};

/// The fields in which a message or delta says something.
pub const SPEAKING: [&str; 8] =
    ["content", "reasoning_content", "reasoning", "reasoning_details", "refusal", "tool_calls", "function_call", "audio"];

/// Repairs content and reasoning. Says whether anything had to change.
pub fn normalize(message: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    match message.get_mut("content") {
        Some(Value::Array(parts)) => {
            let (text, reasoning) = join(parts);
            let content = if text.is_empty() && !reasoning.is_empty() { Value::Null } else { text.into() };
            message.insert("content".into(), content);
            if !reasoning.is_empty() {
                message.insert("reasoning_content".into(), reasoning.into());
            }
            changed = true;
        }
        // JSON mode of a vendor that parses what the model wrote.
        Some(content @ (Value::Object(_) | Value::Number(_) | Value::Bool(_))) => {
            *content = Value::String(content.to_string());
            changed = true;
        }
        _ => {}
    }
    if message.get("reasoning").is_some_and(Value::is_string) {
        let reasoning = message.shift_remove("reasoning");
        if !message.get("reasoning_content").is_some_and(Value::is_string) {
            message.insert("reasoning_content".into(), reasoning.unwrap_or(Value::Null));
        }
        changed = true;
    }
    changed | drop_blanks(message)
}

/// Removes objects of which only the empty shell was sent (Snowflake sends every field of the format).
fn drop_blanks(message: &mut Map<String, Value>) -> bool {
    let mut changed = false;
    for (field, key) in [("function_call", "name"), ("audio", "id")] {
        if message.get(field).and_then(|inner| inner.get(key)).is_some_and(|name| name == "") {
            message.shift_remove(field);
            changed = true;
        }
    }
    if message.get("refusal").is_some_and(|refusal| refusal == "") {
        message.insert("refusal".into(), Value::Null);
        changed = true;
    }
    changed
}

/// The text and the reasoning of a content list (Mistral's reasoning models).
fn join(parts: &[Value]) -> (String, String) {
    let (mut text, mut reasoning) = (String::new(), String::new());
    for part in parts {
        match part {
            Value::String(piece) => text.push_str(piece),
            Value::Object(part) if part.get("type").is_some_and(|kind| kind == "thinking") => match part.get("thinking") {
                Some(Value::Array(pieces)) => {
                    reasoning.extend(pieces.iter().filter_map(|piece| piece.get("text").and_then(Value::as_str)));
                }
                Some(Value::String(piece)) => reasoning.push_str(piece),
                _ => {}
            },
            Value::Object(part) => text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default()),
            _ => {}
        }
    }
    (text, reasoning)
}

/// Whether a message or delta says anything.
pub fn says_something(message: &Map<String, Value>) -> bool {
    SPEAKING.iter().any(|key| match message.get(*key) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        _ => false,
    })
}

/// Whether any choice of a chunk says something or finishes. A role alone and empty text are nothing.
pub fn chunk_says_something(chunk: &Map<String, Value>) -> bool {
    let choices = chunk.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten().any(|choice| {
        choice.get("finish_reason").is_some_and(Value::is_string)
            || choice.get("text").and_then(Value::as_str).is_some_and(|text| !text.is_empty())
            || choice.get("delta").and_then(Value::as_object).is_some_and(says_something)
    })
}

/// How much the texts of a chunk's deltas say, in bytes. What they say in other forms does not count.
pub fn text_length(chunk: &Map<String, Value>) -> usize {
    let choices = chunk.get("choices").and_then(Value::as_array).into_iter().flatten();
    let deltas = choices.filter_map(|choice| choice.get("delta").and_then(Value::as_object));
    deltas
        .flat_map(Map::iter)
        .filter(|(key, _)| SPEAKING.contains(&key.as_str()))
        .map(|(_, value)| value.as_str().map_or(0, str::len))
        .sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn deviations_are_repaired_and_the_rest_is_left_alone() {
        for (before, after) in [
            (
                json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "hi"}]}),
                json!({"content": "hi", "reasoning_content": "hm"}),
            ),
            (json!({"content": ["a", {"type": "text", "text": "b"}]}), json!({"content": "ab"})),
            (
                json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
                json!({"content": null, "reasoning_content": "hm"}),
            ),
            (json!({"content": {"a": 1}}), json!({"content": "{\"a\":1}"})),
            (json!({"reasoning": "hm", "x": 1}), json!({"x": 1, "reasoning_content": "hm"})),
            (json!({"reasoning": "hm", "reasoning_content": "hm"}), json!({"reasoning_content": "hm"})),
            (
                json!({"content": "a", "refusal": "", "function_call": {"name": "", "arguments": ""}}),
                json!({"content": "a", "refusal": null}),
            ),
        ] {
            let mut message = before.as_object().unwrap().clone();
            assert!(normalize(&mut message), "{before}");
            assert_eq!(Value::Object(message.clone()), after);
            assert!(!normalize(&mut message), "a second time: {after}");
        }
        for good in [json!({"content": "a"}), json!({"content": null, "tool_calls": []}), json!({"content": "", "reasoning": null})] {
            assert!(!normalize(&mut good.as_object().unwrap().clone()), "{good}");
        }
    }
}
