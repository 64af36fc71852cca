//! Cohere's `/v2/embed`. Its models have to be told what the vectors are for.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answer, Embeddings, Encoding, Input, Part, Reply, Request, Task, Truncate, Vector, some, unsaid};
use crate::base::id;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, side};

pub(super) struct Cohere;

const TASKS: [(Task, &str); 4] = [
    (Task::Query, "search_query"),
    (Task::Document, "search_document"),
    (Task::Classification, "classification"),
    (Task::Clustering, "clustering"),
];
const TRUNCATES: [(Truncate, &str); 3] = [(Truncate::Never, "NONE"), (Truncate::Start, "START"), (Truncate::End, "END")];
/// What an input counts as whose sender does not say: most vectors that are made are stored to be searched.
const USUAL_TASK: &str = "search_document";

#[derive(Deserialize)]
struct Found<'a> {
    /// By type, or floats alone as the older API answers.
    #[serde(borrow)]
    embeddings: &'a RawValue,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct ByType<'a> {
    #[serde(borrow, default)]
    float: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    base64: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Option<Billed>,
}

#[derive(Deserialize)]
struct Billed {
    #[serde(default)]
    input_tokens: Option<f64>,
}

impl Embeddings for Cohere {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        read(fields)
    }

    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let mut object = answered(answer, reply)?;
        let tokens = answer.tokens.unwrap_or_default();
        object.set("meta", to_raw(&json!({"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}})));
        Ok(object.write())
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/v2/embed".into()
    }

    fn most(&self, request: &Request, _model: &str) -> usize {
        most(request)
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        write(request, to, &mut body, dropped)?;
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        read_answer(body)
    }

    fn edit_answer(&self, body: Bytes, _request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let tokens = tokens(found(&body)?.meta);
        Ok((body, tokens))
    }
}

/// One image, or 96 of anything else.
pub(super) fn most(request: &Request) -> usize {
    if images(request).is_some() { 1 } else { 96 }
}

/// Reads a request but for its model.
pub(super) fn read(mut fields: Fields<'_>) -> Result<Request, ApiError> {
    let texts: Option<Vec<String>> = fields.take(&["texts"])?;
    let images: Option<Vec<String>> = fields.take(&["images"])?;
    let inputs = match (texts, images, fields.raw(&["inputs"])) {
        (Some(texts), None, None) => texts.into_iter().map(Input::Text).collect(),
        (None, Some(images), None) => images.into_iter().map(|url| Input::Parts(vec![Part::Image(url)])).collect(),
        (None, None, Some(inputs)) => read_inputs(&inputs)?,
        _ => return Err(ApiError::invalid("invalid_value", "texts", "exactly one of `texts`, `images` and `inputs` is needed")),
    };
    let mut request = Request { inputs: some(inputs, "texts")?, dimensions: fields.take(&["output_dimension"])?, ..Request::default() };
    if let Some(word) = fields.take::<String>(&["input_type"])? {
        request.task = TASKS.iter().find(|(_, known)| *known == word).map(|(task, _)| *task);
        if request.task.is_none() && word != "image" {
            return Err(ApiError::invalid("invalid_value", "input_type", "`input_type` is not one of those that are known"));
        }
    }
    if let Some(word) = fields.take::<String>(&["truncate"])? {
        let known = TRUNCATES.iter().find(|(_, known)| *known == word).map(|(truncate, _)| *truncate);
        let message = "`truncate` has to be \"NONE\", \"START\" or \"END\"";
        request.truncate = Some(known.ok_or_else(|| ApiError::invalid("invalid_value", "truncate", message))?);
    }
    if let Some(types) = fields.take::<Vec<String>>(&["embedding_types"])? {
        let has = |word: &str| types.is_empty() || types.iter().any(|one| one == word);
        request.encoding = match (has("float"), has("base64")) {
            (true, _) => Encoding::Numbers,
            (_, true) => Encoding::Base64,
            _ => {
                let message = "another vendor's format has only \"float\" and \"base64\"";
                return Err(ApiError::invalid("unsupported_parameter", "embedding_types", message));
            }
        };
        if types.len() > 1 {
            request.others.push("embedding_types".to_owned());
        }
    }
    request.others.extend(fields.names());
    Ok(request)
}

fn read_inputs(raw: &RawValue) -> Result<Vec<Input>, ApiError> {
    #[derive(Deserialize)]
    struct Item {
        content: Vec<Content>,
    }
    #[derive(Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Content {
        Text { text: String },
        ImageUrl { image_url: Url },
    }
    #[derive(Deserialize)]
    struct Url {
        url: String,
    }
    let items: Vec<Item> = serde_json::from_str(raw.get()).map_err(|_| fields::wrong_type("inputs"))?;
    let part = |content| match content {
        Content::Text { text } => Part::Text(text),
        Content::ImageUrl { image_url } => Part::Image(image_url.url),
    };
    let input = |item: Item| {
        let parts: Vec<Part> = item.content.into_iter().map(part).collect();
        let texts = parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None });
        match texts.collect::<Option<Vec<_>>>() {
            Some(texts) => Input::Text(texts.concat()),
            None => Input::Parts(parts),
        }
    };
    Ok(items.into_iter().map(input).collect())
}

/// Writes a request but for its model.
pub(super) fn write(request: &Request, to: &To<'_>, body: &mut Map<String, Value>, dropped: &mut Dropped) -> Result<(), ApiError> {
    let is_text = |input: &Input| matches!(input, Input::Text(_));
    let task = if let Some(images) = images(request) {
        body.insert("images".into(), images.into());
        unsaid(request, &["input_type"], dropped);
        "image"
    } else {
        if request.inputs.iter().all(is_text) {
            body.insert("texts".into(), super::texts(request, to.model)?.into());
        } else {
            body.insert("inputs".into(), request.inputs.iter().map(|input| mixed(input, to)).collect::<Result<Value, _>>()?);
        }
        let task = request.task.map(|task| if task.is_query() { Task::Query } else { task });
        let word = TASKS.iter().find(|(known, _)| Some(*known) == task).map(|(_, word)| *word);
        if word.is_none() || task != request.task {
            unsaid(request, &["input_type"], dropped);
        }
        word.unwrap_or(USUAL_TASK)
    };
    body.insert("input_type".into(), task.into());
    body.insert("embedding_types".into(), json!(["float"]));
    if let Some(dimensions) = request.dimensions {
        body.insert("output_dimension".into(), dimensions.into());
    }
    if let Some((_, word)) = request.truncate.and_then(|truncate| TRUNCATES.iter().find(|(known, _)| *known == truncate)) {
        body.insert("truncate".into(), (*word).into());
    }
    unsaid(request, &["title"], dropped);
    Ok(())
}

/// The inputs, if each is an image and nothing else.
fn images(request: &Request) -> Option<Vec<&str>> {
    let inputs = request.inputs.iter().map(|input| match input {
        Input::Parts(parts) => match parts.as_slice() {
            [Part::Image(url)] => Some(url.as_str()),
            _ => None,
        },
        _ => None,
    });
    inputs.collect()
}

fn mixed(input: &Input, to: &To<'_>) -> Result<Value, ApiError> {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::Image(url) => json!({"type": "image_url", "image_url": {"url": url}}),
    };
    let content: Value = match input {
        Input::Text(text) => json!([{"type": "text", "text": text}]),
        Input::Parts(parts) => parts.iter().map(part).collect(),
        Input::Tokens(_) => return Err(side::cannot("input", "token numbers as input", to.model)),
    };
    Ok(json!({ "content": content }))
}

fn found(body: &[u8]) -> Result<Found<'_>, ApiError> {
    serde_json::from_slice(body).map_err(|_| side::no_answer(body))
}

fn tokens(meta: Option<Meta>) -> Option<u64> {
    // The vendor counts in whole tokens, but writes them as any number.
    meta?.billed_units?.input_tokens.map(|tokens| tokens.max(0.0) as u64)
}

pub(super) fn read_answer(body: &[u8]) -> Result<Answer, ApiError> {
    let found = found(body)?;
    let text = found.embeddings.get();
    let list: Vec<&RawValue> = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|_| side::malformed())?
    } else {
        let by_type: ByType<'_> = serde_json::from_str(text).map_err(|_| side::malformed())?;
        by_type.float.or(by_type.base64).ok_or_else(side::malformed)?
    };
    let vectors = list.into_iter().map(Vector::read).collect::<Result<_, _>>()?;
    Ok(Answer { vectors, tokens: tokens(found.meta) })
}

/// An answer but for what it tells of its making.
pub(super) fn answered(answer: &Answer, reply: &Reply<'_>) -> Result<RawObject<'static>, ApiError> {
    let mut by_type = RawObject::default();
    match reply.request.encoding {
        Encoding::Numbers => by_type.set("float", to_raw(&answer.vectors.iter().map(Vector::numbers).collect::<Result<Vec<_>, _>>()?)),
        Encoding::Base64 => by_type.set("base64", to_raw(&answer.vectors.iter().map(Vector::base64).collect::<Result<Vec<_>, _>>()?)),
    }
    let inputs = reply.request.inputs.iter();
    let texts: Vec<&str> = inputs.filter_map(|input| if let Input::Text(text) = input { Some(text.as_str()) } else { None }).collect();
    let mut object = RawObject::default();
    object.set("response_type", to_raw(&"embeddings_by_type"));
    object.set("id", to_raw(&id::random("", 24)));
    object.set("embeddings", to_raw(&by_type));
    object.set("texts", to_raw(&texts));
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_no_other_format_can_say_are_refused() {
        for (body, code, param) in [
            (r#"{"model":"m"}"#, "invalid_value", "texts"),
            (r#"{"model":"m","texts":["a"],"images":["b"]}"#, "invalid_value", "texts"),
            (r#"{"model":"m","texts":[]}"#, "invalid_value", "texts"),
            (r#"{"model":"m","texts":["a"],"embedding_types":["int8"]}"#, "unsupported_parameter", "embedding_types"),
            (r#"{"model":"m","texts":["a"],"input_type":"x"}"#, "invalid_value", "input_type"),
            (r#"{"model":"m","texts":["a"],"truncate":"x"}"#, "invalid_value", "truncate"),
            (r#"{"model":"m","inputs":[{"content":[{"type":"video"}]}]}"#, "invalid_type", "inputs"),
        ] {
            let error = Cohere.read_request(body.as_bytes()).unwrap_err();
            assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), Some(param)), "{body}");
        }
        let both = Cohere.read_request(br#"{"texts":["a"],"embedding_types":["int8","float"]}"#).unwrap();
        assert_eq!((both.encoding, both.others), (Encoding::Numbers, vec!["embedding_types".to_owned()]));
    }

    #[test]
    fn both_shapes_of_answers_are_read() {
        let by_type = br#"{"id":"i","embeddings":{"float":[[1],[2]]},"meta":{"billed_units":{"input_tokens":3.0}}}"#;
        assert_eq!(Cohere.read_answer(by_type).unwrap().tokens, Some(3));
        let plain = br#"{"embeddings":[[1],[2]],"response_type":"embeddings_floats"}"#;
        assert_eq!(Cohere.read_answer(plain).unwrap().vectors, Cohere.read_answer(by_type).unwrap().vectors);
        assert_eq!(Cohere.read_answer(br#"{"message":"boom"}"#).unwrap_err().message, "boom");
    }
}
