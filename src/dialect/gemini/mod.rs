//! Google's Gemini API (`generateContent`). Read-halves take what is on the wire apart (`answer`, `read_*`, `decode`, `view`),
//! write-halves put it together (`part`, `contents`, `write_*`, `encode`); `edit` and `tap` serve the relay. A request's path,
//! not its body, names the model and says whether the answer streams.

mod answer;
mod call_ids;
mod citation;
mod contents;
mod count;
mod decode;
mod edit;
mod encode;
mod error;
mod finish;
mod logprobs;
mod models;
mod part;
mod read_contents;
mod read_request;
mod read_response;
mod reasoning;
mod schema;
mod signature;
mod tap;
mod tools;
mod usage;
mod view;
mod write_request;
mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{CountTokens, Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

/// What stays as it is in a model's name in a path; tuned models have a slash in theirs.
const MODEL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
pub use models::GeminiQuirks;

#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn id(&self) -> DialectId {
        DialectId::Gemini
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
        error::write_error(error).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        error::write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        encode::HEARTBEAT
    }

    fn endpoint(&self) -> &'static str {
        "generate_content"
    }

    fn write_model(&self, id: &str, _owner: &str, _created: u64) -> Value {
        let methods = ["generateContent", "streamGenerateContent", "countTokens"];
        json!({"name": format!("models/{id}"), "displayName": id, "version": "", "supportedGenerationMethods": methods})
    }

    fn write_models(&self, models: Vec<Value>) -> Value {
        json!({"models": models})
    }

    fn chat_path(&self, model: &str, stream: bool) -> Cow<'static, str> {
        let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
        path(model, verb)
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
        Ok(edit::edit_request(body, to))
    }

    fn edit_response(&self, body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        tap::edit_response(body)
    }

    fn tap(&self, _reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        Box::new(tap::Watch::default())
    }

    fn count_tokens(&self) -> Option<&'static dyn CountTokens> {
        Some(&Gemini)
    }
}

/// A method of a model.
pub(super) fn path(model: &str, verb: &str) -> Cow<'static, str> {
    format!("/{}:{verb}", utf8_percent_encode(&model_path(model), MODEL)).into()
}

/// A model with its collection. Names without one are the vendor's own models.
pub(super) fn model_path(model: &str) -> Cow<'_, str> {
    if model.starts_with("models/") || model.starts_with("tunedModels/") { model.into() } else { format!("models/{model}").into() }
}
