//! Ollama's generate endpoint: one prompt, which the server puts into the model's template, and its answer. Answers are the
//! lines of a chat with `response` in the place of `message`, so reading and writing them is shared with it.

mod read_request;
mod view;
mod write_request;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::encode::Form;
use super::{Ollama, answer, decode, encode, relay};
use crate::chat::{ApiError, DialectId, Request, Response};
use crate::codec::Framing;
use crate::dialect::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};

#[derive(Debug)]
pub struct OllamaGenerate;

impl Dialect for OllamaGenerate {
    fn id(&self) -> DialectId {
        DialectId::OllamaGenerate
    }

    fn framing(&self) -> Framing {
        Ollama.framing()
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        encode::write_response(Form::Generate, response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(Form::Generate, reply))
    }

    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        Ollama.write_error(error, request_id)
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        Ollama.write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        Ollama.heartbeat()
    }

    fn endpoint(&self) -> &'static str {
        "ollama_generate"
    }

    fn write_model(&self, id: &str, owner: &str, created: u64) -> Value {
        Ollama.write_model(id, owner, created)
    }

    fn write_models(&self, models: Vec<Value>) -> Value {
        Ollama.write_models(models)
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/api/generate".into()
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
        Ollama.read_error(status, body)
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
