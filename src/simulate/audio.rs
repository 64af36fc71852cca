//! `/audio/speech` answers with bytes that are not JSON, `/audio/transcriptions` takes an upload.

use bytes::Bytes;
use serde_json::{Value, json};

use super::body::{Frame, Role};
use super::directives::Directives;
use super::fields::{first_text, object};
use super::files::Upload;
use super::router::{Answer, Call};
use super::text::{self, Numbers};
use crate::chat::ApiError;

/// Speech is this many chunks of this many bytes, unless directives say otherwise.
const CHUNKS: usize = 8;
const CHUNK_BYTES: usize = 4096;

/// Deterministic noise of the asked media type.
pub(super) fn speak(call: &Call, directives: &mut Directives) -> Result<Answer, ApiError> {
    let request = object(&call.body)?;
    let Some(input) = first_text(request.get("input")) else {
        return Err(ApiError::invalid("missing_required_parameter", "input", "input must be a string"));
    };
    let said = directives.take_from(input)?;
    let content_type = match request.get("response_format").and_then(Value::as_str).unwrap_or("mp3") {
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "opus" => "audio/ogg",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        "pcm" => "audio/pcm",
        _ => return Err(ApiError::invalid("invalid_value", "response_format", "unknown response_format")),
    };
    let (chunks, bytes) = (directives.chunks.unwrap_or(CHUNKS), directives.chunk_bytes.unwrap_or(CHUNK_BYTES));
    let mut numbers = Numbers(text::hash(said.as_bytes()));
    let frames = (0..chunks).map(move |_| {
        let noise: Vec<u8> = numbers.by_ref().take(bytes).map(|n| (n >> 56) as u8).collect();
        Frame { bytes: Bytes::from(noise), role: Role::Content }
    });
    Ok(Answer::Stream { content_type, frames: Box::new(frames) })
}

/// Tells what was uploaded instead of what was spoken.
pub(super) fn transcribe(upload: &Upload) -> Answer {
    Answer::json(&json!({"text": format!("You sent {} bytes named {}.", upload.bytes, upload.name)}))
}
