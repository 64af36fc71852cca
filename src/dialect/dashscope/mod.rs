//! Alibaba's DashScope: OpenAI's words under `input` and `parameters`, media as `{image: url}`, a header that asks for a stream,
//! and streams that repeat all of the text unless told not to. What is OpenAI's in it goes through OpenAI's dialect
//! (`read_request`, `read_messages`, `write_request`, `write_messages`, `answer`, `decode`); answers to a client are written here
//! (`wanted`, `write_response`, `encode`). `head` is for what stands in path and headers, `relay` for where both ends speak this
//! dialect.

mod answer;
mod decode;
mod encode;
mod error;
mod head;
mod read_messages;
mod read_request;
mod relay;
mod view;
mod wanted;
mod write_messages;
mod write_request;
mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{Decode, Dialect, Edited, Encode, Envelope, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

#[derive(Debug)]
pub struct DashScope;

impl Dialect for DashScope {
    fn id(&self) -> DialectId {
        DialectId::DashScope
    }

    fn with_head(&self, path: &str, headers: &HeaderMap, body: Bytes) -> Bytes {
        head::with_head(path, headers, body)
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
        error::write(error, request_id).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        encode::put_error(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        b":keep-alive\n\n"
    }

    fn endpoint(&self) -> &'static str {
        "dashscope_generation"
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        head::TEXT.into()
    }

    fn envelope(&self, to: &To<'_>, stream: bool, body: &[u8]) -> Envelope {
        head::envelope(to, stream, body)
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
        error::read(status, body)
    }

    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        relay::edit_request(body, to)
    }

    fn edit_response(&self, body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        relay::edit_response(body)
    }

    fn tap(&self, reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        Box::new(relay::Watch::new(reply))
    }

    fn relayed_headers(&self) -> &'static [&'static str] {
        &[
            "x-dashscope-workspace",
            "x-dashscope-ossresourceresolve",
            "x-dashscope-datainspection",
            "x-dashscope-plugin",
            "x-dashscope-encryptionkey",
        ]
    }
}
