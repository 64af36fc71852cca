//! A vendor's stream events as they are on the wire.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::StopDetails;
use super::usage::WireUsage;
use crate::chat::ApiError;

/// Reads an event's data.
pub(super) fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(data).map_err(|error| invalid_event(&error))
}

/// What kind of event it is: its own word, which the framing's name only repeats. Also checks that the data is valid JSON.
pub(super) fn event_kind<'a>(name: &'a [u8], data: &'a [u8]) -> Result<Cow<'a, [u8]>, ApiError> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow, rename = "type", default)]
        kind: Option<Cow<'a, str>>,
        #[serde(default)]
        error: Option<IgnoredAny>,
    }
    match parse::<Head<'_>>(data)? {
        Head { kind: Some(kind), .. } => Ok(Cow::Owned(kind.into_owned().into_bytes())),
        Head { error: Some(_), .. } => Ok(Cow::Borrowed(b"error")),
        _ if name.is_empty() => Err(ApiError::upstream("upstream_invalid_event", "an event of the upstream's stream has no type")),
        _ => Ok(Cow::Borrowed(name)),
    }
}

/// The text of a piece of text, read at one go: by far most events are one. `None` for every other event.
pub(super) fn text_delta(data: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a str,
        delta: Piece<'a>,
    }
    #[derive(Deserialize)]
    struct Piece<'a> {
        #[serde(borrow, rename = "type")]
        kind: &'a str,
        text: String,
    }
    let event: Event<'_> = serde_json::from_slice(data).ok()?;
    (event.kind == "content_block_delta" && event.delta.kind == "text_delta").then_some(event.delta.text)
}

/// The 502 for an event that cannot be read.
pub(super) fn invalid_event(error: &serde_json::Error) -> ApiError {
    let what = if error.is_data() { "not of the expected form" } else { "not valid JSON" };
    ApiError::upstream("upstream_invalid_event", format!("an event of the upstream's stream is {what}"))
}

#[derive(Deserialize)]
pub(super) struct MessageStart {
    pub(super) message: MessageHead,
}

#[derive(Deserialize)]
pub(super) struct MessageHead {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
}

#[derive(Deserialize)]
pub(super) struct BlockStart<'a> {
    pub(super) index: u64,
    #[serde(borrow)]
    pub(super) content_block: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct BlockDelta {
    pub(super) index: u64,
    pub(super) delta: Delta,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "citations_delta")]
    Citation { citation: Value },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct BlockStop {
    pub(super) index: u64,
}

#[derive(Deserialize)]
pub(super) struct MessageDelta {
    pub(super) delta: Ending,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
}

#[derive(Deserialize)]
pub(super) struct Ending {
    #[serde(default)]
    pub(super) stop_reason: Option<String>,
    #[serde(default)]
    pub(super) stop_sequence: Option<String>,
    #[serde(default)]
    pub(super) stop_details: Option<StopDetails>,
}
