//! The relay of vendors that deviate from the format: what deviates is rewritten, what does not passes with the same bytes.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::normalize::{Chunk, Normalizer};
use super::{message, outline, usage, whole};
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Usage};
use crate::codec::sse;
use crate::dialect::{Edited, Reply, Seen, Tap, Verdict};

/// The terminal marker as it is sent to a client.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Edits a stream.
#[derive(Debug)]
pub struct Editor {
    normalizer: Normalizer,
    include_usage: bool,
}

impl Editor {
    pub fn new(reply: &Reply) -> Self {
        Self { normalizer: Normalizer::new(&reply.upstream_model, reply.created), include_usage: reply.include_usage }
    }

    fn judge(&mut self, raw: &[u8], seen: &mut Seen) -> Result<Verdict, ApiError> {
        let Some(event) = sse::read(raw) else {
            return Ok(if is_comment(raw) { Verdict::Pass } else { Verdict::Drop });
        };
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            return Ok(Verdict::Replace(self.closing(seen)));
        }
        if data.is_empty() || seen.done {
            return Ok(Verdict::Drop);
        }
        let chunk = serde_json::from_slice::<Map<String, Value>>(data).map_err(|_| invalid_event())?;
        let chunk = self.normalizer.chunk(chunk)?;
        let told = self.normalizer.usage().and_then(usage::read_object);
        seen.usage = told.map(|usage| Usage { tier: ServiceTier::in_json(data), ..usage }).or(seen.usage);
        Ok(match chunk {
            Chunk::Nothing => Verdict::Drop,
            Chunk::Same(chunk) if event.name.is_empty() => {
                note(&chunk, seen);
                Verdict::Pass
            }
            Chunk::Same(chunk) | Chunk::Changed(chunk) => {
                note(&chunk, seen);
                Verdict::Replace(frame(&chunk))
            }
        })
    }

    /// What ends the stream: the ends of the choices, the usage, if the client asked for it, and the terminal marker.
    fn closing(&mut self, seen: &mut Seen) -> Vec<u8> {
        seen.done = true;
        let mut chunks = self.normalizer.ends();
        seen.content |= !chunks.is_empty();
        if self.include_usage {
            chunks.extend(self.normalizer.usage_chunk());
        }
        let mut closing: Vec<u8> = chunks.iter().flat_map(frame).collect();
        closing.extend_from_slice(DONE);
        closing
    }
}

fn note(chunk: &Map<String, Value>, seen: &mut Seen) {
    seen.content |= message::chunk_says_something(chunk);
    seen.said += message::text_length(chunk) as u64;
}

impl Tap for Editor {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        self.judge(raw, seen).unwrap_or_else(Verdict::Fail)
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done {
            return Ok(Vec::new());
        }
        if !self.normalizer.finished() {
            return Err(truncated());
        }
        Ok(self.closing(seen))
    }
}

/// Checks a whole answer and, if `deviates`, edits it.
pub fn whole(body: Bytes, reply: &Reply, deviates: bool) -> Result<Edited, ApiError> {
    if !deviates && let Some(usage) = outline::ordinary(&body) {
        return Ok(Edited { body, usage: Some(usage) });
    }
    let invalid = |why: &str| ApiError::upstream("upstream_invalid_response", format!("the upstream's answer {why}"));
    let mut answer: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| invalid("is not a JSON object"))?;
    let normalized = whole::normalize(&mut answer, &reply.upstream_model, reply.created)?;
    let usage = answer.get("usage").and_then(usage::read).map(|usage| Usage { tier: ServiceTier::in_json(&body), ..usage });
    check_shape(&answer).map_err(invalid)?;
    let body = if deviates && normalized { Bytes::from(Value::Object(answer).to_string()) } else { body };
    Ok(Edited { body, usage })
}

/// Chat and text completions have choices; what other endpoints answer is told by one of their own fields.
fn check_shape(answer: &Map<String, Value>) -> Result<(), &'static str> {
    const OTHERS: [&str; 7] = ["data", "results", "output", "text", "id", "embeddings", "predictions"];
    match answer.get("choices") {
        Some(Value::Array(choices)) => {
            let good = |choice: &Value| choice.get("message").is_some_and(Value::is_object) || choice.get("text").is_some();
            if choices.iter().all(good) { Ok(()) } else { Err("has a choice without a message") }
        }
        Some(_) => Err("has choices that are no list"),
        None if answer.get("object").is_some_and(|object| object == "chat.completion") => Err("has no choices"),
        None if OTHERS.iter().any(|key| answer.contains_key(*key)) => Ok(()),
        None => Err("has none of the fields that are expected"),
    }
}

pub fn frame(chunk: &Map<String, Value>) -> Vec<u8> {
    let mut frame = b"data: ".to_vec();
    // Writing a tree of JSON values to a Vec cannot fail.
    let _ = serde_json::to_writer(&mut frame, chunk);
    frame.extend_from_slice(b"\n\n");
    frame
}

pub fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream sent an event that is not valid JSON")
}

pub fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}

fn is_comment(raw: &[u8]) -> bool {
    raw.trim_ascii_start().starts_with(b":")
}
