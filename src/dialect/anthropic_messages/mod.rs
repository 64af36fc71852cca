use bytes::{Bytes, BytesMut};

use super::{Decode, Dialect, Edited, Encode, Quirks, Reply, Tap, To, View, Written};
use crate::chat::{ApiError, DialectId, Request, Response};

#[derive(Debug)]
pub struct AnthropicMessages;

impl Dialect for AnthropicMessages {
    fn id(&self) -> DialectId {
        DialectId::AnthropicMessages
    }
    fn view(&self, _body: &[u8]) -> Result<View, ApiError> {
        unreachable!()
    }
    fn read_request(&self, _body: &[u8]) -> Result<Request, ApiError> {
        unreachable!()
    }
    fn write_response(&self, _response: Response, _reply: &Reply) -> Vec<u8> {
        unreachable!()
    }
    fn encoder(&self, _reply: &Reply) -> Box<dyn Encode> {
        unreachable!()
    }
    fn write_error(&self, _error: &ApiError, _request_id: &str) -> Vec<u8> {
        unreachable!()
    }
    fn write_error_event(&self, _error: &ApiError, _out: &mut BytesMut) {
        unreachable!()
    }
    fn heartbeat(&self) -> &'static [u8] {
        unreachable!()
    }
    fn write_request(&self, _request: &Request, _to: &To<'_>) -> Result<Written, ApiError> {
        unreachable!()
    }
    fn read_response(&self, _body: &[u8]) -> Result<Response, ApiError> {
        unreachable!()
    }
    fn decoder(&self) -> Box<dyn Decode> {
        unreachable!()
    }
    fn read_error(&self, _status: u16, _body: &[u8]) -> ApiError {
        unreachable!()
    }
    fn edit_request(&self, _body: &[u8], _to: &To<'_>) -> Result<Written, ApiError> {
        unreachable!()
    }
    fn edit_response(&self, _body: Bytes, _reply: &Reply, _quirks: &Quirks) -> Result<Edited, ApiError> {
        unreachable!()
    }
    fn tap(&self, _reply: &Reply, _quirks: &Quirks) -> Box<dyn Tap> {
        unreachable!()
    }
}
pub fn estimate_tokens(_b: &[u8]) -> u64 {
    unreachable!()
}
