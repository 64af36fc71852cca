//! Requests that only ask for the count of their tokens: those to generate without what only concerns the answer.

use bytes::Bytes;

use super::{edit, read_request, view, write_request};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Request};
use crate::dialect::{CountTokens, To, View, Written, shape, side};

/// What such a request may hold.
const COUNTED: [&str; 6] = ["model", "messages", "system", "tools", "tool_choice", "thinking"];

impl CountTokens for super::AnthropicMessages {
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::count_tokens_view(body)
    }

    fn count_path(&self, _model: &str) -> std::borrow::Cow<'static, str> {
        "/messages/count_tokens".into()
    }

    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        edit::edit_count(body, to)
    }

    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        // An answer would need it; none will come.
        object.set("max_tokens", to_raw(&1));
        let mut request = read_request::read_request(&object.write())?;
        request.sampling.max_tokens = None;
        Ok(request)
    }

    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
        let written = write_request::write_request(request, to)?.body;
        let mut object = RawObject::parse(&written).map_err(|_| ApiError::internal("the request cannot be read again"))?;
        let others: Vec<String> = object.iter().map(|(name, _)| name.to_owned()).filter(|name| !COUNTED.contains(&name.as_str())).collect();
        for name in others {
            object.remove(&name);
        }
        // The path of this endpoint never names the model.
        object.set("model", to_raw(&to.model));
        for (name, value) in to.quirks.request_for(to.model).flat_map(|quirks| &quirks.fields) {
            object.set(name, to_raw(value));
        }
        Ok(object.write().into())
    }

    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError> {
        side::count(body, "input_tokens")
    }

    fn write_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"input_tokens\":{tokens}}}").into_bytes()
    }
}
