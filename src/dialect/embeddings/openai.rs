//! OpenAI's `/embeddings`, and those of the many that copy it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Answer, Embeddings, Encoding, Input, Reply, Request, Task, Truncate, Vector, some, unsaid};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, shape, side};

pub(super) struct Openai;

/// One item of the answer's list.
#[derive(Serialize)]
struct Item<'a> {
    object: &'a str,
    index: usize,
    embedding: Box<RawValue>,
}

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    data: Vec<FoundItem<'a>>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct FoundItem<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
}

impl Embeddings for Openai {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let input = fields.raw(&["input"]).ok_or_else(|| fields::missing("input"))?;
        let encoding = encoding(fields.take::<String>(&["encoding_format"])?.as_deref())?;
        let dimensions = fields.take(&["dimensions", "output_dimension"])?;
        // Not OpenAI's own, but what several that copy its format call it.
        let task: Option<String> = fields.take(&["input_type", "task"])?;
        let mut others = fields.names();
        let known = task.as_deref().and_then(Task::parse);
        if task.is_some() && known.is_none() {
            others.push("input_type".to_owned());
        }
        Ok(Request { inputs: some(inputs(&input)?, "input")?, dimensions, encoding, task: known, others, ..Request::default() })
    }

    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Result<Vec<u8>, ApiError> {
        let item = |(index, vector)| Ok(Item { object: "embedding", index, embedding: written(vector, reply.request.encoding)? });
        let data = answer.vectors.iter().enumerate().map(item).collect::<Result<Vec<_>, ApiError>>()?;
        let tokens = answer.tokens.unwrap_or_default();
        let mut object = RawObject::default();
        object.set("object", to_raw(&"list"));
        object.set("data", to_raw(&data));
        object.set("model", to_raw(&reply.model));
        object.set("usage", to_raw(&json!({"prompt_tokens": tokens, "total_tokens": tokens})));
        Ok(object.write())
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/embeddings".into()
    }

    fn most(&self, _request: &Request, _model: &str) -> usize {
        2048
    }

    fn write_request(&self, request: &Request, to: &To<'_>, dropped: &mut Dropped) -> Result<Vec<u8>, ApiError> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        let input = |input: &Input| match input {
            Input::Text(text) => Ok(json!(text)),
            Input::Tokens(tokens) => Ok(json!(tokens)),
            Input::Parts(_) => Err(side::cannot("input", "images as input", to.model)),
        };
        body.insert("input".into(), request.inputs.iter().map(input).collect::<Result<Value, _>>()?);
        if let Some(dimensions) = request.dimensions {
            let name = to.quirks.request.rename.get("dimensions").map_or("dimensions", String::as_str);
            body.insert(name.into(), dimensions.into());
        }
        if request.encoding == Encoding::Base64 && !to.quirks.request.no_base64_vectors {
            body.insert("encoding_format".into(), "base64".into());
        }
        unsaid(request, &["input_type", "title"], dropped);
        // Too long an input is refused unasked.
        if request.truncate != Some(Truncate::Never) {
            unsaid(request, &["truncate"], dropped);
        }
        Ok(Value::Object(body).to_string().into_bytes())
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let mut found: Found<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        found.data.sort_by_key(|item| item.index);
        let tokens = tokens(&found);
        let vectors = found.data.iter().map(|item| Vector::read(item.embedding)).collect::<Result<_, _>>()?;
        Ok(Answer { vectors, tokens })
    }

    fn edit_request(&self, body: &Bytes, to: &To<'_>) -> Result<Bytes, ApiError> {
        let body = side::with_model(body, to.model)?;
        let mut object = RawObject::parse(&body).map_err(|error| shape::json_error(&body, &error))?;
        let quirks = &to.quirks.request;
        let mut is_edited = false;
        if quirks.no_base64_vectors && asked_for(&body) == Encoding::Base64 {
            object.set("encoding_format", to_raw(&"float"));
            is_edited = true;
        }
        for (name, theirs) in &quirks.rename {
            if let Some(value) = object.remove(name) {
                object.set_owned(theirs.clone(), value.into_owned());
                is_edited = true;
            }
        }
        Ok(if is_edited { object.write().into() } else { body.clone() })
    }

    /// Servers that take no notice of `encoding_format` are put right: some clients read numbers as garbage where they asked for
    /// base64.
    fn edit_answer(&self, body: Bytes, request: &Bytes) -> Result<(Bytes, Option<u64>), ApiError> {
        let found: Found<'_> = serde_json::from_slice(&body).map_err(|_| side::no_answer(&body))?;
        let tokens = tokens(&found);
        let wanted = asked_for(request);
        let is_wanted = |item: &FoundItem<'_>| item.embedding.get().starts_with('"') == (wanted == Encoding::Base64);
        if found.data.iter().all(is_wanted) {
            return Ok((body, tokens));
        }
        let mut answer = RawObject::parse(&body).map_err(|_| side::malformed())?;
        let list = answer.get("data").ok_or_else(side::malformed)?;
        let mut items: Vec<RawObject<'_>> = serde_json::from_str(list.get()).map_err(|_| side::malformed())?;
        for item in &mut items {
            let vector = Vector::read(item.get("embedding").ok_or_else(side::malformed)?)?;
            item.set("embedding", written(&vector, wanted)?);
        }
        let items = to_raw(&items);
        answer.set("data", items);
        Ok((answer.write().into(), tokens))
    }
}

fn tokens(found: &Found<'_>) -> Option<u64> {
    found.usage.as_ref().and_then(|counts| counts.prompt_tokens.or(counts.total_tokens))
}

fn written(vector: &Vector, encoding: Encoding) -> Result<Box<RawValue>, ApiError> {
    match encoding {
        Encoding::Numbers => vector.numbers(),
        Encoding::Base64 => Ok(to_raw(&vector.base64()?)),
    }
}

fn encoding(word: Option<&str>) -> Result<Encoding, ApiError> {
    match word {
        None | Some("float") => Ok(Encoding::Numbers),
        Some("base64") => Ok(Encoding::Base64),
        Some(_) => Err(ApiError::invalid("invalid_value", "encoding_format", "`encoding_format` has to be \"float\" or \"base64\"")),
    }
}

/// The encoding that a request asks for.
fn asked_for(request: &[u8]) -> Encoding {
    let asked = RawObject::parse(request).ok().and_then(|object| Some(object.get("encoding_format")?.get() == "\"base64\""));
    if asked == Some(true) { Encoding::Base64 } else { Encoding::Numbers }
}

/// A text, a list of texts, a list of token numbers, or a list of such lists.
fn inputs(raw: &RawValue) -> Result<Vec<Input>, ApiError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum One {
        Text(String),
        Tokens(Vec<u64>),
    }
    let wrong = |_| fields::wrong_type("input");
    let text = raw.get();
    if text.starts_with('"') {
        return serde_json::from_str(text).map(|text| vec![Input::Text(text)]).map_err(wrong);
    }
    let is_numbers = text.trim_start_matches('[').trim_start().starts_with(|first: char| first.is_ascii_digit());
    if is_numbers && let Ok(tokens) = serde_json::from_str(text) {
        return Ok(vec![Input::Tokens(tokens)]);
    }
    let list: Vec<One> = serde_json::from_str(text).map_err(wrong)?;
    Ok(list
        .into_iter()
        .map(|one| match one {
            One::Text(text) => Input::Text(text),
            One::Tokens(tokens) => Input::Tokens(tokens),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_input_are_read() {
        let read =
            |input: &str| Openai.read_request(format!(r#"{{"model":"m","input":{input}}}"#).as_bytes()).map(|request| request.inputs);
        let text = |text: &str| Input::Text(text.to_owned());
        assert_eq!(read("\"a\"").unwrap(), [text("a")]);
        assert_eq!(read(r#"["a","b"]"#).unwrap(), [text("a"), text("b")]);
        assert_eq!(read("[1, 2]").unwrap(), [Input::Tokens(vec![1, 2])]);
        assert_eq!(read("[[1], [2,3]]").unwrap(), [Input::Tokens(vec![1]), Input::Tokens(vec![2, 3])]);
        for wrong in ["[]", "7", "{}", "[{}]", "[1.5]", "null"] {
            assert_eq!(read(wrong).unwrap_err().param.as_deref(), Some("input"), "{wrong}");
        }
    }

    #[test]
    fn an_answer_of_the_wrong_encoding_is_put_right() {
        let floats = Bytes::from_static(
            br#"{"object":"list","x":1.0,"data":[{"object":"embedding","index":0,"embedding":[1.0,-2.0]}],"usage":{"prompt_tokens":3}}"#,
        );
        let asked = Bytes::from_static(br#"{"encoding_format":"base64"}"#);
        let (packed, tokens) = Openai.edit_answer(floats.clone(), &asked).unwrap();
        assert_eq!(tokens, Some(3));
        let expected =
            r#"{"object":"list","x":1.0,"data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="}],"usage":{"prompt_tokens":3}}"#;
        assert_eq!(packed, expected);
        assert_eq!(Openai.edit_answer(packed.clone(), &asked).unwrap().0, packed);
        let plain = Bytes::from_static(b"{}");
        assert_eq!(Openai.edit_answer(packed, &plain).unwrap().0, floats);
        assert_eq!(Openai.edit_answer(floats.clone(), &plain).unwrap().0, floats);
    }

    #[test]
    fn vectors_come_in_the_order_of_their_inputs() {
        let body = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#;
        let numbers: Vec<_> = Openai.read_answer(body).unwrap().vectors.iter().map(|v| v.numbers().unwrap().get().to_owned()).collect();
        assert_eq!(numbers, ["[1]", "[2]"]);
    }
}
