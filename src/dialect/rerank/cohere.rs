//! Cohere's `/v2/rerank`, which counts searches and no tokens, and the same at Bedrock, where the path names the model.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Found, Reply, Request, Rerank, ranked, read};
use crate::base::id;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::ApiError;
use crate::dialect::fields::Fields;
use crate::dialect::{To, side};

pub(super) struct Cohere;
pub(super) struct Bedrock;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    results: Vec<Found<'a>>,
}

impl Rerank for Cohere {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let request = read(&mut fields)?;
        let top_n = fields.take(&["top_n"])?;
        Ok(Request { top_n, others: fields.names(), ..request })
    }

    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Vec<u8> {
        let mut object = RawObject::default();
        object.set("id", to_raw(&id::random("", 24)));
        object.set("results", results(answer));
        // So many documents are one search.
        let searches = reply.request.documents.len().div_ceil(100);
        object.set("meta", to_raw(&json!({"api_version": {"version": "2"}, "billed_units": {"search_units": searches}})));
        object.write()
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/v2/rerank".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        write(request, &mut body);
        Value::Object(body).to_string().into_bytes()
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        Ok(Answer { results: ranked(body.results)?, tokens: None })
    }
}

impl Rerank for Bedrock {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["api_version"]);
        let request = read(&mut fields)?;
        let top_n = fields.take(&["top_n"])?;
        Ok(Request { top_n, others: fields.names(), ..request })
    }

    fn write_answer(&self, answer: &Answer, _reply: &Reply<'_>) -> Vec<u8> {
        let mut object = RawObject::default();
        object.set("results", results(answer));
        object.write()
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn serves(&self, model: &str) -> bool {
        model.contains(".rerank-")
    }

    fn path(&self, model: &str) -> Cow<'static, str> {
        side::invoke(model)
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Vec<u8> {
        let mut body = Map::new();
        write(request, &mut body);
        // Amazon's own models know no version.
        if to.model.contains("cohere.") {
            body.insert("api_version".into(), 2.into());
        }
        Value::Object(body).to_string().into_bytes()
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        Cohere.read_answer(body)
    }

    fn edit_request(&self, body: &Bytes, _to: &To<'_>) -> Result<Bytes, ApiError> {
        Ok(body.clone())
    }
}

fn write(request: &Request, body: &mut Map<String, Value>) {
    body.insert("query".into(), request.query.as_str().into());
    body.insert("documents".into(), request.documents.clone().into());
    if let Some(top_n) = request.top_n {
        body.insert("top_n".into(), top_n.into());
    }
}

fn results(answer: &Answer) -> Box<serde_json::value::RawValue> {
    let one = |ranked: &super::Ranked| {
        let mut item = RawObject::default();
        item.set("index", to_raw(&ranked.index));
        item.set("relevance_score", ranked.score.clone());
        item
    };
    to_raw(&answer.results.iter().map(one).collect::<Vec<_>>())
}
