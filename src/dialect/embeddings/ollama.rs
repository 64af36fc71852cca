//! Ollama's `/api/embed`, and the older `/api/embeddings` with one `prompt`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Answer, Embeddings, Input, Reply, Request, Truncate, Vector, some, texts, unsaid};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, side};

pub(super) struct Embed;
pub(super) struct Prompt;

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    embeddings: Vec<&'a RawValue>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

#[derive(Deserialize)]
struct FoundOne<'a> {
    #[serde(borrow)]
    embedding: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Embeddings for Embed {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let inputs = match fields.take(&["input"])?.ok_or_else(|| fields::missing("input"))? {
            Texts::One(text) => vec![Input::Text(text)],
            Texts::Many(texts) => some(texts.into_iter().map(Input::Text).collect(), "input")?,
        };
        let truncate = fields.take(&["truncate"])?.map(|truncates| if truncates { Truncate::End } else { Truncate::Never });
        let dimensions = fields.take(&["dimensions"])?;
        Ok(Request { inputs, dimensions, truncate, others: fields.names(), ..Request::default() })
    }

    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let vectors = answer.vectors.iter().map(Vector::numbers).collect::<Result<Vec<_>, _>>()?;
        let mut object = RawObject::default();
        object.set("model", to_raw(&reply.model));
        object.set("embeddings", to_raw(&vectors));
        if let Some(tokens) = answer.tokens {
            object.set("prompt_eval_count", to_raw(&tokens));
        }
        Ok(object.write())
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/api/embed".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        body.insert("input".into(), texts(request, to.model)?.into());
        if let Some(dimensions) = request.dimensions {
            body.insert("dimensions".into(), dimensions.into());
        }
        match request.truncate {
            Some(Truncate::Start) => dropped.add("truncate"),
            Some(truncate) => {
                body.insert("truncate".into(), (truncate == Truncate::End).into());
            }
            None => {}
        }
        unsaid(request, &["input_type", "title"], dropped);
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let found: Found<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        let vectors = found.embeddings.into_iter().map(Vector::read).collect::<Result<_, _>>()?;
        Ok(Answer { vectors, tokens: found.prompt_eval_count })
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let tokens = serde_json::from_slice::<Found<'_>>(&body).map_err(|_| side::no_answer(&body))?.prompt_eval_count;
        Ok((body, tokens))
    }
}

impl Embeddings for Prompt {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let prompt = fields.take(&["prompt"])?.ok_or_else(|| fields::missing("prompt"))?;
        Ok(Request { inputs: vec![Input::Text(prompt)], others: fields.names(), ..Request::default() })
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let mut object = RawObject::default();
        object.set("embedding", answer.vectors.first().ok_or_else(side::malformed)?.numbers()?);
        Ok(object.write())
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/api/embeddings".into()
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        1
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        body.insert("prompt".into(), texts(request, to.model)?.concat().into());
        unsaid(request, &["dimensions", "truncate", "input_type", "title"], dropped);
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let found: FoundOne<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        Ok(Answer { vectors: vec![Vector::read(found.embedding)?], tokens: None })
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        serde_json::from_slice::<FoundOne<'_>>(&body).map_err(|_| side::no_answer(&body))?;
        Ok((body, None))
    }
}
