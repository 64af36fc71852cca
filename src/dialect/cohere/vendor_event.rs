//! A stream's events as they come from a vendor.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::logprobs;
use super::read_response::{Block, Call, told};
use super::usage::WireUsage;
use crate::chat::ApiError;

/// What an event says.
pub(super) enum Said {
    Start {
        id: Option<String>,
    },
    /// A piece of a block of text or thinking.
    Content {
        index: u64,
        block: Block,
        logprobs: Option<logprobs::Item>,
    },
    Plan(String),
    CallStart {
        index: u64,
        call: Call,
    },
    CallDelta {
        index: u64,
        arguments: String,
    },
    Citation(Value),
    End {
        finish_reason: String,
        usage: Option<WireUsage>,
        error: Option<String>,
    },
    /// Nothing of the answer.
    Nothing,
    Error(ApiError),
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    index: u64,
    delta: Delta,
    #[serde(default)]
    logprobs: Option<logprobs::Item>,
}

#[derive(Deserialize)]
struct Delta {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Block>,
    #[serde(default)]
    tool_plan: Option<String>,
    #[serde(default)]
    tool_calls: Option<Call>,
    #[serde(default)]
    citations: Option<Value>,
}

#[derive(Deserialize)]
struct End {
    delta: Ending,
}

#[derive(Deserialize)]
struct Ending {
    finish_reason: String,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<String>,
}

impl Said {
    /// Reads one event's payload.
    pub(super) fn read(data: &[u8]) -> Result<Self, ApiError> {
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(Self::Nothing);
        }
        if !data.starts_with(b"{") {
            return Err(invalid_event());
        }
        let kind = match serde_json::from_slice::<Typed<'_>>(data) {
            Ok(typed) => typed.r#type,
            Err(_) => return told(data).map(Self::Error).ok_or_else(invalid_event),
        };
        Ok(match &*kind {
            "message-start" => Self::Start { id: parse::<Start>(data)?.id },
            "message-end" => {
                let Ending { finish_reason, usage, error } = parse::<End>(data)?.delta;
                Self::End { finish_reason, usage, error }
            }
            "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start" | "tool-call-delta" | "citation-start" => {
                Self::of_piece(parse(data)?).ok_or_else(invalid_event)?
            }
            _ => Self::Nothing,
        })
    }

    fn of_piece(Piece { index, delta: Delta { message }, logprobs }: Piece) -> Option<Self> {
        Some(match message {
            Message { content: Some(block), .. } => Self::Content { index, block, logprobs },
            Message { tool_plan: Some(plan), .. } => Self::Plan(plan),
            Message { tool_calls: Some(call), .. } if call.function.name.is_some() => Self::CallStart { index, call },
            Message { tool_calls: Some(call), .. } => Self::CallDelta { index, arguments: call.function.arguments.unwrap_or_default() },
            Message { citations: Some(citation), .. } => Self::Citation(citation),
            _ => return None,
        })
    }
}

fn parse<T: DeserializeOwned>(data: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(data).map_err(|_| invalid_event())
}

pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is not one of Cohere's")
}

pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}
