//! Amazon Bedrock's Converse API, with streams in AWS's binary framing. Read-halves take what is on the wire apart (`answer`,
//! `read_*`, `decode`, `view`), write-halves put it together (`block`, `turns`, `tools`, `write_*`, `encode`); `relay` is for
//! where both ends speak this dialect. A request's path, not its body, names the model and says whether the answer streams.
//! What the families of models differ in is data (`quirks::ConverseQuirks`), read through `rules`.

mod answer;
mod block;
mod cache;
mod count;
mod decode;
mod encode;
mod error;
mod fields;
mod format;
mod frame;
mod media;
mod read_blocks;
mod read_request;
mod read_response;
mod read_tools;
mod reasoning;
mod relay;
mod rules;
mod signature;
mod stop;
mod tool_name;
mod tools;
mod turns;
mod usage;
mod view;
mod write_request;
mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{CountTokens, Decode, Dialect, Edited, Encode, ErrorClasses, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Dropped, Request, Response};
use crate::codec::Framing;

/// What stays as it is in a model's name in a path. An ARN's slashes are part of the name.
const MODEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Debug)]
pub struct BedrockConverse;

impl Dialect for BedrockConverse {
    fn id(&self) -> DialectId {
        DialectId::BedrockConverse
    }

    fn framing(&self) -> Framing {
        Framing::Aws
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        write_response::write_response(&response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(reply))
    }

    fn write_error(&self, error: &ApiError, _request_id: &str) -> Vec<u8> {
        json!({ "message": error.message }).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        frame::exception(error::stream_class(error), &json!({ "message": error.message }), out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        // Every message has to be an event that clients know.
        b""
    }

    fn client_status(&self, error: &ApiError) -> u16 {
        error::client_status(error)
    }

    fn request_id_header(&self) -> Option<&'static str> {
        Some("x-amzn-requestid")
    }

    fn endpoint(&self) -> &'static str {
        "converse"
    }

    fn signs_thinking(&self) -> bool {
        true
    }

    fn chat_path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        path(model, if stream { "converse-stream" } else { "converse" })
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
        error::read_error(status, "", body)
    }

    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        Ok(Written { body: relay::edit_request(body, to), dropped: Dropped::default() })
    }

    fn edit_response(&self, body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        relay::edit_response(body)
    }

    fn tap(&self, _reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        Box::new(relay::Watch::default())
    }

    fn count_tokens(&self) -> Option<&'static dyn CountTokens> {
        Some(&BedrockConverse)
    }

    fn error_classes(&self) -> Option<&dyn ErrorClasses> {
        Some(self)
    }
}

impl CountTokens for BedrockConverse {
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::count_view(body)
    }

    fn count_path(&self, model: &str) -> Cow<'static, str> {
        path(model, "count-tokens")
    }

    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        Ok(count::edit(body, to))
    }

    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        count::read_request(body)
    }

    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
        count::write_request(request, to)
    }

    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError> {
        count::read(body)
    }

    fn write_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"inputTokens\":{tokens}}}").into_bytes()
    }
}

impl ErrorClasses for BedrockConverse {
    fn header(&self) -> &'static str {
        "x-amzn-errortype"
    }

    fn class(&self, error: &ApiError) -> &'static str {
        error::class(error)
    }

    fn read_error(&self, status: u16, class: &str, body: &[u8]) -> ApiError {
        error::read_error(status, class, body)
    }
}

/// An operation of a model.
fn path(model: &str, operation: &str) -> Cow<'static, str> {
    format!("/model/{}/{operation}", utf8_percent_encode(model, MODEL)).into()
}
