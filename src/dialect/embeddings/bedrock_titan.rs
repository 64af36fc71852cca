//! Amazon's Titan models for texts at Bedrock, which take one text at a time. The path names the model.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Answer, Embeddings, Input, Reply, Request, Truncate, Vector, texts, unsaid};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, View, side};

pub(super) struct Titan;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
    #[serde(default)]
    input_text_token_count: Option<u64>,
}

impl Embeddings for Titan {
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view_without_model(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        let text = fields.take(&["inputText"])?.ok_or_else(|| fields::missing("inputText"))?;
        let dimensions = fields.take(&["dimensions"])?;
        Ok(Request { inputs: vec![Input::Text(text)], dimensions, others: fields.names(), ..Request::default() })
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let mut object = RawObject::default();
        object.set("embedding", answer.vectors.first().ok_or_else(side::malformed)?.numbers()?);
        object.set("inputTextTokenCount", to_raw(&answer.tokens.unwrap_or_default()));
        Ok(object.write())
    }

    fn serves(&self, model: &str) -> bool {
        model.contains("titan-embed-text")
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        side::invoke(model)
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        1
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        body.insert("inputText".into(), texts(request, to.model)?.concat().into());
        if let Some(dimensions) = request.dimensions {
            body.insert("dimensions".into(), dimensions.into());
        }
        unsaid(request, &["input_type", "title"], dropped);
        // Too long an input is refused unasked.
        if request.truncate != Some(Truncate::Never) {
            unsaid(request, &["truncate"], dropped);
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let found: Found<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        Ok(Answer { vectors: vec![Vector::read(found.embedding)?], tokens: found.input_text_token_count })
    }

    fn edit_request(&self, body: &Bytes, _to: &To<'_>) -> Result<Bytes, ApiError> {
        Ok(body.clone())
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let found: Found<'_> = serde_json::from_slice(&body).map_err(|_| side::no_answer(&body))?;
        let tokens = found.input_text_token_count;
        Ok((body, tokens))
    }
}
