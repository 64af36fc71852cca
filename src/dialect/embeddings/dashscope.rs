//! DashScope's own format for texts. Its other one is OpenAI's.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answer, Embeddings, Input, Reply, Request, Task, some, texts, unsaid};
use crate::base::id;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, side};

pub(super) struct Dashscope;

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    embeddings: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(default)]
    text_index: Option<usize>,
    #[serde(borrow, default)]
    embedding: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    total_tokens: Option<u64>,
}

impl Embeddings for Dashscope {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let input = fields.raw(&["input"]).ok_or_else(|| fields::missing("input"))?;
        let mut input = Fields::of(&input, "input")?;
        let list: Vec<String> = input.take(&["texts"])?.ok_or_else(|| fields::missing("input.texts"))?;
        let mut request = Request { inputs: some(list.into_iter().map(Input::Text).collect(), "input.texts")?, ..Request::default() };
        let parameters = fields.raw(&["parameters"]);
        request.others = [input.names(), fields.names()].concat();
        if let Some(parameters) = &parameters {
            read_parameters(Fields::of(parameters, "parameters")?, &mut request)?;
        }
        Ok(request)
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let item = |(index, vector): (usize, &super::Vector)| {
            let mut item = RawObject::default();
            item.set("text_index", to_raw(&index));
            item.set("embedding", vector.numbers()?);
            Ok(item)
        };
        let items = answer.vectors.iter().enumerate().map(item).collect::<Result<Vec<_>, ApiError>>()?;
        let mut output = RawObject::default();
        output.set("embeddings", to_raw(&items));
        let mut object = RawObject::default();
        object.set("output", to_raw(&output));
        object.set("usage", to_raw(&json!({"total_tokens": answer.tokens.unwrap_or_default()})));
        object.set("request_id", to_raw(&id::random("", 32)));
        Ok(object.write())
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/services/embeddings/text-embedding/text-embedding".into()
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        10
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut parameters = Map::new();
        if let Some(dimensions) = request.dimensions {
            parameters.insert("dimension".into(), dimensions.into());
        }
        match request.task {
            Some(task) if task.is_query() => parameters.insert("text_type".into(), "query".into()),
            Some(Task::Document) => parameters.insert("text_type".into(), "document".into()),
            _ => None,
        };
        if !matches!(request.task, Some(Task::Query | Task::Document)) {
            unsaid(request, &["input_type"], dropped);
        }
        unsaid(request, &["title", "truncate"], dropped);
        let body = json!({"model": to.model, "input": {"texts": texts(request, to.model)?}, "parameters": Value::Object(parameters)});
        Ok(body.to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let mut found = found(body)?;
        found.output.embeddings.sort_by_key(|item| item.text_index);
        let vector = |item: &Item<'_>| super::Vector::read(item.embedding.ok_or_else(side::malformed)?);
        let vectors = found.output.embeddings.iter().map(vector).collect::<Result<_, _>>()?;
        Ok(Answer { vectors, tokens: found.usage.and_then(|counts| counts.total_tokens) })
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let tokens = found(&body)?.usage.and_then(|counts| counts.total_tokens);
        Ok((body, tokens))
    }
}

fn found(body: &[u8]) -> Result<Found<'_>, ApiError> {
    serde_json::from_slice(body).map_err(|_| side::no_answer(body))
}

fn read_parameters(mut fields: Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    request.dimensions = fields.take(&["dimension"])?;
    request.task = match fields.take::<String>(&["text_type"])?.as_deref() {
        None => None,
        Some("query") => Some(Task::Query),
        Some("document") => Some(Task::Document),
        Some(_) => {
            let message = "`parameters.text_type` has to be \"query\" or \"document\"";
            return Err(ApiError::invalid("invalid_value", "parameters.text_type", message));
        }
    };
    if !matches!(fields.take::<String>(&["output_type"])?.as_deref(), None | Some("dense")) {
        let message = "another vendor's format has only dense vectors";
        return Err(ApiError::invalid("unsupported_parameter", "parameters.output_type", message));
    }
    request.others.extend(fields.names());
    Ok(())
}
