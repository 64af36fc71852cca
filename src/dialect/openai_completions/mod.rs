//! OpenAI's Completions API of old: a prompt in, the text that follows out. As a server: `view` and `read_request` take a
//! client's request, `encode` answers it. As a client: `write_request` asks, `answer` and `decode` read. `logprobs` knows both
//! forms of log probabilities. Where both ends speak this dialect, the relay is that of chat completions, which knows texts too.

mod answer;
mod decode;
mod encode;
mod logprobs;
mod read_request;
mod view;
mod write_request;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::openai_chat::OpenAiChat;
use super::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

#[derive(Debug)]
pub struct OpenAiCompletions;

impl Dialect for OpenAiCompletions {
    fn id(&self) -> DialectId {
        DialectId::OpenAiCompletions
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        encode::write_response(response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(reply))
    }

    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        OpenAiChat.write_error(error, request_id)
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        OpenAiChat.write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        OpenAiChat.heartbeat()
    }

    fn endpoint(&self) -> &'static str {
        "completions"
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/completions".into()
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
        OpenAiChat.read_error(status, body)
    }

    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        OpenAiChat.edit_request(body, to)
    }

    fn edit_response(&self, body: Bytes, reply: &Reply, quirks: &Quirks) -> Result<Edited, ApiError> {
        OpenAiChat.edit_response(body, reply, quirks)
    }

    fn tap(&self, reply: &Reply, quirks: &Quirks) -> Box<dyn Tap> {
        OpenAiChat.tap(reply, quirks)
    }
}
