//! What a call is known by: the id that its client was given. Where a dialect has no ids, it is known by all that was said
//! before, the call's place in its turn, its function and its arguments.

use serde_json::Value;

use crate::cache::Key;
use crate::chat::{DialectId, Message, PartKind, Role};
use crate::dialect::{call_id, dialect};

/// Names the calls of a conversation, message by message.
pub(super) enum CallNames {
    ById,
    /// The digest of what was said so far.
    ByPlace(Key),
}

/// A turn of the assistant's, as far as its calls have been named.
#[derive(Default)]
pub(super) struct Turn {
    calls: usize,
}

impl CallNames {
    /// For the conversations of this dialect's clients.
    pub(super) fn new(client: DialectId) -> Self {
        if dialect(client).tells_call_ids() { Self::ById } else { Self::ByPlace(Key::of([])) }
    }

    /// The calls of a turn that follows these messages.
    pub(super) fn after(client: DialectId, messages: &[Message]) -> Self {
        let mut names = Self::new(client);
        messages.iter().for_each(|message| names.pass(message));
        names
    }

    /// The next call's name.
    pub(super) fn name(&self, turn: &mut Turn, id: &str, function: &str, arguments: &str) -> Key {
        let place = turn.calls.to_le_bytes();
        turn.calls += 1;
        match self {
            // Clients of some dialects get ids in a form of their own.
            Self::ById => Key::of([call_id::accepted(id, call_id::WORD).as_bytes()]),
            Self::ByPlace(said) => {
                let parts = [said.as_bytes(), &place[..], function.as_bytes()];
                Key::of(parts.into_iter().chain([canonical(arguments).as_bytes()]))
            }
        }
    }

    /// Goes past a message. What a client may say otherwise the next time does not count: instructions and thinking.
    pub(super) fn pass(&mut self, message: &Message) {
        let Self::ByPlace(said) = self else { return };
        let role = match message.role {
            Role::System | Role::Developer => return,
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let mut parts = vec![role.to_owned()];
        let results = message.parts.iter().flat_map(|part| match &part.kind {
            PartKind::ToolResult { parts, .. } => parts.iter(),
            _ => [].iter(),
        });
        for part in message.parts.iter().chain(results) {
            match &part.kind {
                PartKind::Text(text) => parts.push(text.clone()),
                PartKind::ToolCall { name, arguments, .. } => parts.extend([name.clone(), canonical(arguments)]),
                _ => {}
            }
        }
        *said = Key::of([said.as_bytes()].into_iter().chain(parts.iter().map(String::as_bytes)));
    }
}

/// Arguments in one spelling: clients parse them and write them anew.
fn canonical(arguments: &str) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                out.push('{');
                for (key, value) in sorted {
                    out.push_str(&format!("{key:?}:"));
                    write(value, out);
                    out.push(',');
                }
                out.push('}');
            }
            Value::Array(items) => {
                out.push('[');
                for item in items {
                    write(item, out);
                    out.push(',');
                }
                out.push(']');
            }
            // 1.0 and 1 are one number to most of them.
            Value::Number(number) => out.push_str(&number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())),
            Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        }
    }
    let text = if arguments.trim().is_empty() { "{}" } else { arguments };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return arguments.to_owned() };
    let mut out = String::with_capacity(arguments.len());
    write(&value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_written_anew_are_the_same() {
        for (one, other) in [("{\"b\":[1.0,{}],\"a\":\"x\"}", "{ \"a\": \"x\", \"b\": [1, {}] }"), ("", "{}"), ("no json", "no json")] {
            assert_eq!(canonical(one), canonical(other));
        }
        for (one, other) in [("{\"a\":1}", "{\"a\":2}"), ("{\"a\":\"1\"}", "{\"a\":1}"), ("[1,[2]]", "[[1],2]")] {
            assert_ne!(canonical(one), canonical(other));
        }
    }
}
