//! Requests that only ask for the count of their tokens. A whole request to generate may be inside of one, and has to be where
//! more than the turns counts.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{edit, model_path, path, read_request, view, write_request};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Request};
use crate::dialect::{CountTokens, To, View, Written, shape, side};

impl CountTokens for super::Gemini {
    fn count_view(&self, body: &[u8]) -> Result<View, ApiError> {
        view::count_view(body)
    }

    fn count_path(&self, model: &str) -> Cow<'static, str> {
        path(model, "countTokens")
    }

    fn edit_count(&self, body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
        edit::edit_count(body, to)
    }

    fn read_count_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        let inner = ["generateContentRequest", "generate_content_request"].into_iter().find_map(|name| object.get(name));
        read_request::read_request(inner.map_or(body, |inner| inner.get().as_bytes()))
    }

    fn write_count_request(&self, request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
        let written = write_request::write_request(request, to)?.body;
        let mut inner = RawObject::parse(&written).map_err(|_| ApiError::internal("the request cannot be read again"))?;
        inner.set("model", to_raw(&model_path(to.model)));
        let inner: Box<RawValue> = to_raw(&inner);
        let mut object = RawObject::default();
        object.set("generateContentRequest", inner);
        Ok(object.write().into())
    }

    fn read_count(&self, body: &[u8]) -> Result<u64, ApiError> {
        side::count(body, "totalTokens")
    }

    fn write_count(&self, tokens: u64) -> Vec<u8> {
        format!("{{\"totalTokens\":{tokens}}}").into_bytes()
    }
}
