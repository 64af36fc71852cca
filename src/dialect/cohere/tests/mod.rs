//! Tests of the dialect as a whole: requests read and written, answers and streams decoded and encoded.

mod property;
mod read;
mod stream;
mod write;

use crate::chat::{Message, PartKind, Role};
use crate::dialect::{Quirks, Reply};

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

fn reply() -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "command-a-03-2025".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 1,
        request: bytes::Bytes::new(),
    }
}
fn message(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Into::into).collect() }
}
fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}
fn thinking(text: &str) -> PartKind {
    PartKind::Thinking { text: text.into(), signature: None }
}
fn call(id: &str, name: &str, arguments: &str) -> PartKind {
    PartKind::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false }
}
fn result(id: &str, parts: Vec<PartKind>) -> PartKind {
    PartKind::ToolResult { id: id.into(), name: None, parts: parts.into_iter().map(Into::into).collect(), is_error: false }
}
