//! OpenAI's Responses API, without its store: answers are not kept, and what refers to earlier ones is refused unless it can be
//! relayed to a vendor that keeps them. Read-halves take what is on the wire apart (`read_*`, `answer`, `decode`, `view`),
//! write-halves put it together (`items`, `envelope`, `write_*`, `encode`); `relay` is for where both ends speak this dialect.

mod answer;
mod decode;
mod encode;
mod envelope;
mod error;
mod frame;
mod items;
mod read_input;
mod read_request;
mod read_response;
mod reasoning_item;
mod relay;
mod tools;
mod usage;
mod view;
mod write_input;
mod write_request;
mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

#[derive(Debug)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn id(&self) -> DialectId {
        DialectId::OpenAiResponses
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        write_response::write_response(response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(reply))
    }

    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        error::write_error(error, request_id)
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        error::write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        encode::HEARTBEAT
    }

    fn endpoint(&self) -> &'static str {
        "responses"
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/responses".into()
    }

    fn signs_thinking(&self) -> bool {
        true
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
        write_request::write_request(request, to)
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, ApiError> {
        read_response::read_response(body)
    }

    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::default())
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::read_error(status, body)
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
