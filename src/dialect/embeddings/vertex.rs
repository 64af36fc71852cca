//! Vertex AI's `:predict` with a model for texts. The path names the model.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answer, Embeddings, Input, Reply, Request, Truncate, Vector, gemini, some, texts, unsaid};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, View, side};

pub(super) struct Predict;

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    predictions: Vec<Prediction<'a>>,
}

#[derive(Deserialize)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: Values<'a>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
    #[serde(default)]
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    /// A whole number, written as any.
    #[serde(default)]
    token_count: Option<f64>,
}

impl Embeddings for Predict {
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view_without_model(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        let list = fields.raw(&["instances"]).ok_or_else(|| fields::missing("instances"))?;
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("instances"))?;
        let mut request = Request::default();
        for (at, raw) in list.into_iter().enumerate() {
            let mut item = Fields::of(raw, "instances[]")?;
            let text = item.take(&["content"])?.ok_or_else(|| fields::missing("instances[].content"))?;
            let word: Option<String> = item.take(&["task_type", "taskType"])?;
            let task = word.and_then(|word| gemini::TASKS.iter().find(|(_, known)| *known == word)).map(|(task, _)| *task);
            let title = item.take(&["title"])?;
            if at > 0 && (request.task != task || request.title != title) {
                let message = "`instances` differ in more than their content, which another vendor's format cannot say";
                return Err(ApiError::invalid("unsupported_parameter", "instances", message));
            }
            (request.task, request.title) = (task, title);
            request.inputs.push(Input::Text(text));
            request.others.extend(item.names());
        }
        request.inputs = some(request.inputs, "instances")?;
        if let Some(parameters) = fields.raw(&["parameters"]) {
            let mut parameters = Fields::of(&parameters, "parameters")?;
            request.dimensions = parameters.take(&["outputDimensionality"])?;
            let truncates: Option<bool> = parameters.take(&["autoTruncate"])?;
            request.truncate = truncates.map(|truncates| if truncates { Truncate::End } else { Truncate::Never });
            request.others.extend(parameters.names());
        }
        request.others.extend(fields.names());
        Ok(request)
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        // The count of all is told with the first.
        let counts = std::iter::once(answer.tokens.unwrap_or_default()).chain(std::iter::repeat(0));
        let item = |(vector, tokens): (&Vector, u64)| {
            let mut values = RawObject::default();
            values.set("values", vector.numbers()?);
            values.set("statistics", to_raw(&json!({"token_count": tokens, "truncated": false})));
            let mut item = RawObject::default();
            item.set("embeddings", to_raw(&values));
            Ok(item)
        };
        let items = answer.vectors.iter().zip(counts).map(item).collect::<Result<Vec<_>, ApiError>>()?;
        let mut object = RawObject::default();
        object.set("predictions", to_raw(&items));
        Ok(object.write())
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        crate::dialect::gemini::path(model, "predict")
    }

    fn most(&self, _request: &Request, model: &str) -> usize {
        // The newer models take one input at a time.
        if model.contains("gemini-embedding") { 1 } else { 250 }
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let word = request.task.and_then(|task| gemini::TASKS.iter().find(|(known, _)| *known == task)).map(|(_, word)| *word);
        let instance = |text: &str| {
            let mut instance = Map::new();
            instance.insert("content".into(), text.into());
            if let Some(word) = word {
                instance.insert("task_type".into(), word.into());
            }
            if let Some(title) = &request.title {
                instance.insert("title".into(), title.as_str().into());
            }
            Value::Object(instance)
        };
        let instances: Value = texts(request, to.model)?.into_iter().map(instance).collect();
        let mut parameters = Map::new();
        if let Some(dimensions) = request.dimensions {
            parameters.insert("outputDimensionality".into(), dimensions.into());
        }
        if request.truncate == Some(Truncate::Start) {
            unsaid(request, &["truncate"], dropped);
        } else if let Some(truncate) = request.truncate {
            parameters.insert("autoTruncate".into(), (truncate == Truncate::End).into());
        }
        Ok(json!({"instances": instances, "parameters": parameters}).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let found = found(body)?;
        let vectors = found.predictions.iter().map(|one| Vector::read(one.embeddings.values)).collect::<Result<_, _>>()?;
        Ok(Answer { vectors, tokens: tokens(&found) })
    }

    fn edit_request(&self, body: &Bytes, _to: &To<'_>) -> Result<Bytes, ApiError> {
        Ok(body.clone())
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let tokens = tokens(&found(&body)?);
        Ok((body, tokens))
    }
}

fn found(body: &[u8]) -> Result<Found<'_>, ApiError> {
    serde_json::from_slice(body).map_err(|_| side::no_answer(body))
}

fn tokens(found: &Found<'_>) -> Option<u64> {
    let each = |one: &Prediction<'_>| one.embeddings.statistics.as_ref()?.token_count.map(|tokens| tokens.max(0.0) as u64);
    found.predictions.iter().map(each).sum()
}
