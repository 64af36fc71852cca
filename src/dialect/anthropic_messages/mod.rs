//! Anthropic's Messages API. Read-halves take what is on the wire apart (`read_*`, `decode`, `view`), write-halves put it
//! together (`write_*`, `encode`); `edit` and `tap` serve the relay, where both ends speak this dialect.

mod answer;
mod block;
mod client_event;
mod count;
mod decode;
mod edit;
mod encode;
mod error;
mod format;
pub(super) mod models;
mod outline;
mod read_request;
mod read_response;
mod read_turn;
pub(super) mod reasoning;
pub(super) mod schema;
mod signature;
mod stop;
mod tap;
pub(super) mod tools;
mod turns;
mod usage;
mod vendor_event;
mod view;
pub(super) mod write_request;
pub(super) mod write_response;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{CountTokens, Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};
pub use models::ClaudeQuirks;

#[derive(Debug)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn id(&self) -> DialectId {
        DialectId::AnthropicMessages
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

    fn write_error(&self, error: &ApiError, request_id: &str) -> Vec<u8> {
        error::write_error(error, request_id)
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        error::write_error_event(error, out);
    }

    fn heartbeat(&self) -> &'static [u8] {
        encode::PING
    }

    fn client_status(&self, error: &ApiError) -> u16 {
        error::client_http_status(error)
    }

    fn endpoint(&self) -> &'static str {
        "messages"
    }

    fn write_model(&self, id: &str, _owner: &str, created: u64) -> Value {
        let created = jiff::Timestamp::from_second(i64::try_from(created).unwrap_or(0)).unwrap_or_default();
        json!({"type": "model", "id": id, "display_name": id, "created_at": created.to_string()})
    }

    fn write_models(&self, models: Vec<Value>) -> Value {
        let id = |model: Option<&Value>| model.and_then(|model| model.get("id")).cloned();
        json!({"has_more": false, "first_id": id(models.first()), "last_id": id(models.last()), "data": models})
    }

    fn tells_prompt_first(&self) -> bool {
        true
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/messages".into()
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
        edit::edit_request(body, to)
    }

    fn edit_response(&self, body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        edit::edit_response(body)
    }

    fn tap(&self, _reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        Box::new(tap::Watch::default())
    }

    fn relayed_headers(&self) -> &'static [&'static str] {
        &["anthropic-version", "anthropic-beta"]
    }

    fn relays_query(&self) -> bool {
        true
    }

    fn count_tokens(&self) -> Option<&'static dyn CountTokens> {
        Some(&AnthropicMessages)
    }
}
