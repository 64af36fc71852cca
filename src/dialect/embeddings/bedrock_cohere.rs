//! Cohere's models at Bedrock: Cohere's format, but for the model, which the path names, and the tokens, which no body tells.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Answer, Embeddings, Reply, Request, cohere};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::Fields;
use crate::dialect::{To, View, side};

pub(super) struct BedrockCohere;

impl Embeddings for BedrockCohere {
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view_without_model(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        cohere::read(Fields::of_body(body)?)
    }

    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        Ok(cohere::answered(answer, reply)?.write())
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn serves(&self, model: &str) -> bool {
        model.contains("cohere.embed")
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        side::invoke(model)
    }

    fn most(&self, request: &Request, _model: &str) -> usize {
        cohere::most(request)
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        cohere::write(request, to, &mut body, dropped)?;
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        cohere::read_answer(body)
    }

    fn edit_request(&self, body: &Bytes, _to: &To<'_>) -> Result<Bytes, ApiError> {
        Ok(body.clone())
    }

    fn edit_answer(&self, body: Bytes, request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        cohere::Cohere.edit_answer(body, request)
    }
}
