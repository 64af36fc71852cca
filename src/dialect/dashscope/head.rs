//! What stands in a request's path and headers: whether it is about more than text, and whether a stream is asked for. A client's
//! body is given both (`task`, `stream`), so that the body alone says everything; a vendor does not get the two.

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::write_messages::is_media;
use crate::base::raw::{RawObject, to_raw};
use crate::dialect::{Envelope, To};

pub(super) const TEXT: &str = "/services/aigc/text-generation/generation";
const MULTIMODAL: &str = "/services/aigc/multimodal-generation/generation";
/// The word of the path that is put into the body.
pub(super) const MULTIMODAL_TASK: &str = "multimodal-generation";
const TEXT_TASK: &str = "text-generation";
const SSE: &str = "x-dashscope-sse";

/// The client's body with what its path and headers say. What is no object stays as it is.
pub(super) fn with_head(path: &str, headers: &HeaderMap, body: Bytes) -> Bytes {
    let Ok(mut object) = RawObject::parse(&body) else { return body };
    let says = |name: &str, word: &str| headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(word));
    let task = if path.contains(MULTIMODAL_TASK) { MULTIMODAL_TASK } else { TEXT_TASK };
    object.set("task", to_raw(&task));
    // The header decides, but a client may also ask as OpenAI's do.
    if says(SSE, "enable") || says(ACCEPT.as_str(), "text/event-stream") {
        object.set("stream", to_raw(&true));
    }
    object.write().into()
}

/// As much of a body as decides where it goes.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(default)]
    task: Option<String>,
    #[serde(borrow, default)]
    input: Option<Input<'a>>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    incremental_output: Option<bool>,
}

/// Where a request goes. A written one asks for a stream by its `incremental_output`.
pub(super) fn envelope(to: &To<'_>, stream: bool, body: &[u8]) -> Envelope {
    let outline = serde_json::from_slice(body).unwrap_or(Outline { task: None, input: None, parameters: None });
    let multimodal = match &outline.task {
        Some(task) => task == MULTIMODAL_TASK,
        None => is_multimodal(to) || outline.input.is_some_and(|input| input.messages.into_iter().any(has_media)),
    };
    let streams = match outline.task {
        Some(_) => stream,
        None => outline.parameters.unwrap_or_default().incremental_output == Some(true),
    };
    let headers: &[_] = if streams { &[(SSE, "enable"), ("accept", "text/event-stream")] } else { &[] };
    Envelope { path: if multimodal { MULTIMODAL } else { TEXT }.into(), headers }
}

/// Whether the model is asked at the endpoint for more than text, whatever it is asked.
pub(super) fn is_multimodal(to: &To<'_>) -> bool {
    to.quirks.request_for(to.model).any(|quirks| quirks.multimodal)
}

fn has_media(message: &RawValue) -> bool {
    let message = serde_json::from_str::<serde_json::Value>(message.get()).unwrap_or_default();
    message.get("content").and_then(serde_json::Value::as_array).is_some_and(|parts| parts.iter().any(is_media))
}
