//! Ollama's own chat API: JSON lines, text apart from its media, calls without ids. Read-halves take what is on the wire apart
//! (`read_*`, `answer`, `decode`, `view`), write-halves put it together (`write_*`, `messages`, `encode`); `relay` is for where
//! both ends speak this dialect. `generate` is the endpoint for single prompts, a dialect of its own that shares the lines.

mod answer;
mod decode;
mod encode;
mod generate;
mod messages;
mod read_messages;
mod read_request;
mod relay;
mod view;
mod write_request;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::openai_chat::OpenAiChat;
use super::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};
use crate::codec::Framing;
pub use generate::OllamaGenerate;

#[derive(Debug)]
pub struct Ollama;

impl Dialect for Ollama {
    fn id(&self) -> DialectId {
        DialectId::Ollama
    }

    fn framing(&self) -> Framing {
        Framing::JsonLines
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        encode::write_response(encode::Form::Chat, response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(encode::Form::Chat, reply))
    }

    fn write_error(&self, error: &ApiError, _request_id: &str) -> Vec<u8> {
        json!({ "error": error.message }).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        encode::put(out, &json!({ "error": error.message }));
    }

    fn heartbeat(&self) -> &'static [u8] {
        // Clients read every line as JSON, an empty one too.
        b""
    }

    fn endpoint(&self) -> &'static str {
        "ollama_chat"
    }

    fn write_model(&self, id: &str, owner: &str, created: u64) -> Value {
        json!({"name": id, "model": id, "modified_at": encode::timestamp(created), "size": 0, "digest": "", "details": {"family": owner}})
    }

    fn write_models(&self, models: Vec<Value>) -> Value {
        json!({ "models": models })
    }

    fn tells_call_ids(&self) -> bool {
        false
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/api/chat".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
        write_request::write_request(request, to)
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, ApiError> {
        answer::read_response(body)
    }

    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::default())
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ApiError {
        // A text under `error`, which is one of the shapes that are read there.
        OpenAiChat.read_error(status, body)
    }

    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        relay::edit_request(body, to)
    }

    fn edit_response(&self, body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        relay::edit_response(body)
    }

    fn tap(&self, _reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        Box::new(relay::Watch)
    }
}
