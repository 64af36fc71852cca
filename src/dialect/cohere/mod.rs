//! Cohere's chat API, version 2. Read-halves take what is on the wire apart (`read_*`, `vendor_event`, `decode`, `view`),
//! write-halves put it together (`write_*`, `tools`, `reasoning`, `client_event`, `calls`, `encode`); `relay` is for where both
//! ends speak this dialect.

mod calls;
mod citation;
mod client_event;
mod decode;
mod encode;
mod error;
mod finish;
mod logprobs;
mod read_messages;
mod read_request;
mod read_response;
mod reasoning;
mod relay;
mod tools;
mod usage;
mod vendor_event;
mod view;
mod write_messages;
mod write_request;
mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

#[derive(Debug)]
pub struct Cohere;

impl Dialect for Cohere {
    fn id(&self) -> DialectId {
        DialectId::Cohere
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::view(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read_request(body)
    }

    fn write_response(&self, response: Response, _reply: &Reply) -> Vec<u8> {
        write_response::write_response(response)
    }

    fn encoder(&self, _reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::default())
    }

    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        error::write_error(error, request_id).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        error::write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        encode::HEARTBEAT
    }

    fn client_status(&self, error: &ApiError) -> u16 {
        error::client_status(error)
    }

    fn endpoint(&self) -> &'static str {
        "cohere_chat"
    }

    fn write_model(&self, id: &str, _owner: &str, _created: u64) -> Value {
        json!({"name": id, "endpoints": ["chat"], "finetuned": false, "is_deprecated": false})
    }

    fn write_models(&self, models: Vec<Value>) -> Value {
        json!({ "models": models })
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/v2/chat".into()
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
