//! OpenAI's Chat Completions, and everything that copies it.
//!
//! As a server: `view` and `read_request` take a client's request, `write_response` and `encode` answer it. As a client:
//! `write_request` asks a vendor, `read_response` and `decode` read its answer. Where both ends speak this dialect the bytes
//! are relayed: `edit` changes the few fields of a request that must change, `tap` watches a stream, and `editor` rewrites
//! what a vendor does differently. What vendors do differently is known in `normalize` and the files it stands on.

mod calls;
mod chunk;
mod decode;
pub(super) mod edit;
mod edit_messages;
mod edit_mode;
pub(super) mod editor;
pub(super) mod encode;
pub(super) mod error;
pub(super) mod finish;
mod judge;
mod message;
pub(super) mod normalize;
mod outline;
mod read_messages;
mod read_request;
mod read_response;
mod tap;
mod template;
#[cfg(test)]
mod tests;
pub(super) mod usage;
pub(super) mod view;
mod whole;
mod write_messages;
mod write_request;
mod write_response;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use super::{Decode, Dialect, Edited, Encode, Layout, Quirks, Reply, Tap, To, View, Written};
use crate::base::parts::Parts;
use crate::chat::{ApiError, DialectId, Dropped, Request, Response};
pub use view::{GenericView, generic as generic_view};

/// The dialect.
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn id(&self) -> DialectId {
        DialectId::OpenAiChat
    }

    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::chat(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read_request::read(body)
    }

    fn write_response(&self, response: Response, reply: &Reply) -> Vec<u8> {
        write_response::write(response, reply)
    }

    fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(reply, false))
    }

    fn whole_call_encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(reply, true))
    }

    fn write_error(&self, error: &ApiError, _request_id: &str) -> Vec<u8> {
        // The request id is a header in this dialect.
        error::write(error).to_string().into_bytes()
    }

    fn write_error_event(&self, error: &ApiError, out: &mut BytesMut) {
        encode::put(out, &error::write(error));
    }

    fn heartbeat(&self) -> &'static [u8] {
        encode::HEARTBEAT
    }

    fn endpoint(&self) -> &'static str {
        "chat_completions"
    }

    fn chat_path(&self, _model: &str, _stream: bool) -> Cow<'static, str> {
        "/chat/completions".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
        write_request::write(request, to)
    }

    fn read_response(&self, body: &[u8]) -> Result<Response, ApiError> {
        read_response::read(body)
    }

    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::default())
    }

    fn read_error(&self, status: u16, body: &[u8]) -> ApiError {
        error::read(status, body)
    }

    fn edit_request(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        edit::request(body, to)
    }

    fn edit_laid_out(&self, body: &Bytes, layout: &Layout, to: &To<'_>) -> Result<(Parts, Dropped), ApiError> {
        edit::laid_out(body, layout, to)
    }

    fn edit_response(&self, body: Bytes, reply: &Reply, quirks: &Quirks) -> Result<Edited, ApiError> {
        editor::whole(body, reply, quirks.response.normalize)
    }

    fn tap(&self, reply: &Reply, quirks: &Quirks) -> Box<dyn Tap> {
        if quirks.response.normalize { Box::new(editor::Editor::new(reply)) } else { Box::new(tap::Watcher::new(reply)) }
    }
}
