//! Tests of the dialect as a whole: requests read, edited and written, streams watched, edited, decoded and encoded.

mod edit;
mod messages;
mod property;
mod relay;
mod request;
mod stream;
mod view;

use serde_json::Value;

use super::OpenAiChat;
use crate::codec::sse::{self, Splitter};
use crate::dialect::quirks::RequestQuirks;
use crate::dialect::{Dialect, Quirks, Reply, To, Written};

fn reply() -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "m".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 7,
        request: bytes::Bytes::new(),
    }
}

/// Quirks with this `request`.
fn request_quirks(request: Value) -> Quirks {
    Quirks { request: serde_json::from_value::<RequestQuirks>(request).unwrap(), ..Quirks::default() }
}

/// Edits a request for the model `m`.
fn edited(body: &Value, quirks: &Quirks) -> Written {
    OpenAiChat.edit_request(body.to_string().as_bytes(), &To { model: "m", quirks, want_usage: true }).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The frames of a stream that comes in these pieces.
fn frames(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut splitter, mut held, mut frames) = (Splitter::default(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while let Some(end) = splitter.event_end(rest) {
            held.extend_from_slice(&rest[..end]);
            frames.push(std::mem::take(&mut held));
            rest = &rest[end..];
        }
        held.extend_from_slice(rest);
    }
    frames
}

/// The payloads of a stream.
fn payloads(stream: &[u8]) -> Vec<String> {
    let data = |frame: &Vec<u8>| sse::read(frame).map(|event| String::from_utf8(event.data.into_owned()).unwrap());
    frames(&[stream]).iter().filter_map(data).collect()
}

/// A stream of these chunks, each with the usual head, and `[DONE]`.
fn stream(chunks: &[&str]) -> Vec<u8> {
    let head = r#""id":"c1","object":"chat.completion.chunk","created":5,"model":"m-1""#;
    let mut stream: String = chunks.iter().map(|chunk| format!("data: {{{head},{chunk}}}\n\n")).collect();
    stream.push_str("data: [DONE]\n\n");
    stream.into_bytes()
}
