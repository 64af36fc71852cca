//! Gemini's `:embedContent` and `:batchEmbedContents`. The path names the model; each request of a batch names it again.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answer, Embeddings, Input, Part, Reply, Request, Task, Truncate, Vector, some, unsaid};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, View, gemini, shape, side};

pub(super) struct One;
pub(super) struct Batch;

/// The vendor's words for what vectors are for.
pub(super) const TASKS: [(Task, &str); 8] = [
    (Task::Query, "RETRIEVAL_QUERY"),
    (Task::Document, "RETRIEVAL_DOCUMENT"),
    (Task::Similarity, "SEMANTIC_SIMILARITY"),
    (Task::Classification, "CLASSIFICATION"),
    (Task::Clustering, "CLUSTERING"),
    (Task::QuestionAnswering, "QUESTION_ANSWERING"),
    (Task::FactVerification, "FACT_VERIFICATION"),
    (Task::CodeQuery, "CODE_RETRIEVAL_QUERY"),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(borrow, default)]
    embedding: Option<Values<'a>>,
    #[serde(borrow, default)]
    embeddings: Vec<Values<'a>>,
    #[serde(default)]
    usage_metadata: Option<Counts>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

impl Embeddings for One {
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view_without_model(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        read(Fields::of_body(body)?)
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let vector = answer.vectors.first().ok_or_else(side::malformed)?;
        written("embedding", to_raw(&values(vector)?), answer.tokens)
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        gemini::path(model, "embedContent")
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        1
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let input = request.inputs.first().ok_or_else(|| fields::missing("content"))?;
        Ok(item(request, input, to, dropped)?.to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        read_answer(body)
    }

    fn edit_request(&self, body: &Bytes, to: &To<'_>) -> Result<Bytes, ApiError> {
        let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        let edited = object.replace("model", to_raw(&gemini::model_path(to.model)));
        Ok(if edited { object.write().into() } else { body.clone() })
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let tokens = found(&body)?.usage_metadata.and_then(|counts| counts.prompt_token_count);
        Ok((body, tokens))
    }
}

impl Embeddings for Batch {
    fn view(&self, body: &[u8]) -> Result<View, ApiError> {
        side::view_without_model(body)
    }

    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        let list = fields.raw(&["requests"]).ok_or_else(|| fields::missing("requests"))?;
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("requests"))?;
        let mut whole: Option<Request> = None;
        for raw in list {
            let one = read(Fields::of(raw, "requests[]")?)?;
            match &mut whole {
                None => whole = Some(one),
                Some(whole) if (Request { inputs: whole.inputs.clone(), ..one.clone() }) == *whole => whole.inputs.extend(one.inputs),
                Some(_) => {
                    let message = "`requests` differ in more than their content, which another vendor's format cannot say";
                    return Err(ApiError::invalid("unsupported_parameter", "requests", message));
                }
            }
        }
        let mut whole = whole.unwrap_or_default();
        whole.inputs = some(whole.inputs, "requests")?;
        whole.others.extend(fields.names());
        Ok(whole)
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let list = answer.vectors.iter().map(values).collect::<Result<Vec<_>, _>>()?;
        written("embeddings", to_raw(&list), answer.tokens)
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        gemini::path(model, "batchEmbedContents")
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        100
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let items = request.inputs.iter().map(|input| item(request, input, to, dropped)).collect::<Result<Value, _>>()?;
        Ok(json!({ "requests": items }).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        read_answer(body)
    }

    fn edit_request(&self, body: &Bytes, to: &To<'_>) -> Result<Bytes, ApiError> {
        let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
        let list = object.get("requests").ok_or_else(|| fields::missing("requests"))?;
        let mut items: Vec<RawObject<'_>> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("requests"))?;
        items.iter_mut().for_each(|item| item.set("model", to_raw(&gemini::model_path(to.model))));
        let items = to_raw(&items);
        object.set("requests", items);
        Ok(object.write().into())
    }

    fn edit_answer(&self, body: Bytes, request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        One.edit_answer(body, request)
    }
}

/// Reads one request. What newer clients put into `embedContentConfig` older ones write beside it.
fn read(mut fields: Fields<'_>) -> Result<Request, ApiError> {
    fields.raw(&["model"]);
    let content = fields.raw(&["content"]).ok_or_else(|| fields::missing("content"))?;
    let config = fields.raw(&["embedContentConfig", "embed_content_config"]);
    let mut request = Request { inputs: vec![read_content(&content)?], ..Request::default() };
    read_config(&mut fields, &mut request)?;
    if let Some(config) = &config {
        read_config(&mut Fields::of(config, "embedContentConfig")?, &mut request)?;
    }
    Ok(request)
}

fn read_config(fields: &mut Fields<'_>, request: &mut Request) -> Result<(), ApiError> {
    if let Some(word) = fields.take::<String>(&["taskType", "task_type"])? {
        let task = TASKS.iter().find(|(_, known)| *known == word).map(|(task, _)| *task);
        if task.is_none() && word != "TASK_TYPE_UNSPECIFIED" {
            request.others.push("taskType".to_owned());
        }
        request.task = task;
    }
    request.title = fields.take(&["title"])?.or(request.title.take());
    request.dimensions = fields.take(&["outputDimensionality", "output_dimensionality"])?.or(request.dimensions);
    let truncates: Option<bool> = fields.take(&["autoTruncate", "auto_truncate"])?;
    request.truncate = truncates.map(|truncates| if truncates { Truncate::End } else { Truncate::Never }).or(request.truncate);
    request.others.extend(fields.names());
    Ok(())
}

fn read_content(raw: &RawValue) -> Result<Input, ApiError> {
    let mut fields = Fields::of(raw, "content")?;
    let list = fields.raw(&["parts"]).ok_or_else(|| fields::missing("content.parts"))?;
    let list: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("content.parts"))?;
    let parts = list.into_iter().map(read_part).collect::<Result<Vec<_>, _>>()?;
    let texts: Option<Vec<&str>> = parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect();
    Ok(match texts {
        Some(texts) => Input::Text(texts.concat()),
        None => Input::Parts(parts),
    })
}

fn read_part(raw: &RawValue) -> Result<Part, ApiError> {
    let mut part = Fields::of(raw, "content.parts")?;
    if let Some(text) = part.take(&["text"])? {
        return Ok(Part::Text(text));
    }
    let data = part.raw(&["inlineData", "inline_data"]).ok_or_else(|| {
        ApiError::invalid("unsupported_parameter", "content.parts", "only texts and inline images can be embedded by another vendor")
    })?;
    let mut data = Fields::of(&data, "content.parts.inlineData")?;
    let mime: String = data.take(&["mimeType", "mime_type"])?.ok_or_else(|| fields::missing("content.parts.inlineData.mimeType"))?;
    let bytes: String = data.take(&["data"])?.ok_or_else(|| fields::missing("content.parts.inlineData.data"))?;
    Ok(Part::Image(format!("data:{mime};base64,{bytes}")))
}

/// One request of a batch, which also stands alone.
fn item(request: &Request, input: &Input, to: &To<'_>, dropped: &mut Dropped) -> Result<Value, ApiError> {
    let parts = match input {
        Input::Text(text) => json!([{ "text": text }]),
        Input::Tokens(_) => return Err(side::cannot("input", "token numbers as input", to.model)),
        Input::Parts(parts) => parts.iter().map(|part| write_part(part, to)).collect::<Result<Value, _>>()?,
    };
    let mut item = Map::new();
    item.insert("model".into(), gemini::model_path(to.model).into());
    item.insert("content".into(), json!({ "parts": parts }));
    if let Some((_, word)) = request.task.and_then(|task| TASKS.iter().find(|(known, _)| *known == task)) {
        item.insert("taskType".into(), (*word).into());
    }
    if let Some(title) = &request.title {
        item.insert("title".into(), title.as_str().into());
    }
    if let Some(dimensions) = request.dimensions {
        item.insert("outputDimensionality".into(), dimensions.into());
    }
    // Too long an input is cut at its end unasked.
    if request.truncate != Some(Truncate::End) {
        unsaid(request, &["truncate"], dropped);
    }
    Ok(item.into())
}

fn write_part(part: &Part, to: &To<'_>) -> Result<Value, ApiError> {
    match part {
        Part::Text(text) => Ok(json!({ "text": text })),
        Part::Image(url) => {
            let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
            let (mime, data) = inline.ok_or_else(|| side::cannot("input", "images by their address", to.model))?;
            Ok(json!({"inlineData": {"mimeType": mime, "data": data}}))
        }
    }
}

fn found(body: &[u8]) -> Result<Found<'_>, ApiError> {
    let found: Found<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
    if found.embedding.is_none() && found.embeddings.is_empty() { Err(side::no_answer(body)) } else { Ok(found) }
}

fn read_answer(body: &[u8]) -> Result<Answer, ApiError> {
    let found = found(body)?;
    let vectors = found.embedding.iter().chain(&found.embeddings).map(|one| Vector::read(one.values)).collect::<Result<_, _>>()?;
    Ok(Answer { vectors, tokens: found.usage_metadata.and_then(|counts| counts.prompt_token_count) })
}

fn values(vector: &Vector) -> Result<Box<RawValue>, ApiError> {
    let mut object = RawObject::default();
    object.set("values", vector.numbers()?);
    Ok(to_raw(&object))
}

fn written(name: &str, vectors: Box<RawValue>, tokens: Option<u64>) -> Result<Vec<u8>, ApiError> {
    let mut object = RawObject::default();
    object.set(name, vectors);
    if let Some(tokens) = tokens {
        object.set("usageMetadata", to_raw(&json!({ "promptTokenCount": tokens })));
    }
    Ok(object.write())
}
