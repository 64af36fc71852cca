//! A client's stream events as they are written.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use serde_json::Value;

use super::usage::ClientUsage;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Frame<'a> {
    MessageStart { message: MessageHead<'a> },
    ContentBlockStart { index: u32, content_block: BlockHead<'a> },
    ContentBlockDelta { index: u32, delta: Delta<'a> },
    ContentBlockStop { index: u32 },
    MessageDelta { delta: Ending<'a>, usage: ClientUsage },
    MessageStop,
}

#[derive(Serialize)]
pub(super) struct MessageHead<'a> {
    pub(super) id: String,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: [(); 0],
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: ClientUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum BlockHead<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: &'a str },
    RedactedThinking { data: &'a str },
    ToolUse { id: Cow<'a, str>, name: &'a str, input: Empty },
}

#[derive(Serialize)]
pub(super) struct Empty {}

#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum Delta<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: &'a str },
    #[serde(rename = "citations_delta")]
    Citation { citation: &'a Value },
}

#[derive(Serialize)]
pub(super) struct Ending<'a> {
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<&'a str>,
}

impl Frame<'_> {
    /// Writes the whole frame, with its name and the blank line.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let name: &[u8] = match self {
            Self::MessageStart { .. } => b"message_start",
            Self::ContentBlockStart { .. } => b"content_block_start",
            Self::ContentBlockDelta { .. } => b"content_block_delta",
            Self::ContentBlockStop { .. } => b"content_block_stop",
            Self::MessageDelta { .. } => b"message_delta",
            Self::MessageStop => b"message_stop",
        };
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name);
        out.extend_from_slice(b"\ndata: ");
        // Strings, numbers and trees of them always serialise, and memory takes every write.
        let _ = serde_json::to_writer((&mut *out).writer(), self);
        out.extend_from_slice(b"\n\n");
    }
}
