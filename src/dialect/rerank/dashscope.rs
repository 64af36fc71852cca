//! DashScope's own format for texts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Found, Ranked, Reply, Request, Rerank, ranked, read};
use crate::base::id;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::ApiError;
use crate::dialect::fields::{self, Fields};
use crate::dialect::{To, side};

pub(super) struct Dashscope;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    results: Vec<Found<'a>>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    total_tokens: Option<u64>,
}

impl Rerank for Dashscope {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let input = fields.raw(&["input"]).ok_or_else(|| fields::missing("input"))?;
        let mut input = Fields::of(&input, "input")?;
        let parameters = fields.raw(&["parameters"]);
        let mut request = read(&mut input)?;
        request.others = [input.names(), fields.names()].concat();
        if let Some(parameters) = &parameters {
            let mut parameters = Fields::of(parameters, "parameters")?;
            request.top_n = parameters.take(&["top_n"])?;
            request.return_documents = parameters.take(&["return_documents"])?;
            request.others.extend(parameters.names());
        }
        Ok(request)
    }

    /// The documents come with the answer only where the client wants them.
    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Vec<u8> {
        let repeats = reply.request.return_documents == Some(true);
        let one = |(ranked, document): (&Ranked, Option<&str>)| {
            let mut item = RawObject::default();
            if let Some(text) = document.filter(|_| repeats) {
                item.set("document", to_raw(&json!({ "text": text })));
            }
            item.set("index", to_raw(&ranked.index));
            item.set("relevance_score", ranked.score.clone());
            item
        };
        let results: Vec<RawObject<'_>> = answer.documents(reply.request).map(one).collect();
        let mut output = RawObject::default();
        output.set("results", to_raw(&results));
        let mut object = RawObject::default();
        object.set("output", to_raw(&output));
        object.set("usage", to_raw(&json!({"total_tokens": answer.tokens.unwrap_or_default()})));
        object.set("request_id", to_raw(&id::random("", 32)));
        object.write()
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/services/rerank/text-rerank/text-rerank".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Vec<u8> {
        let mut parameters = Map::new();
        if let Some(top_n) = request.top_n {
            parameters.insert("top_n".into(), top_n.into());
        }
        // The answer's documents are put in here.
        parameters.insert("return_documents".into(), false.into());
        let input = json!({"query": request.query, "documents": request.documents});
        json!({"model": to.model, "input": input, "parameters": Value::Object(parameters)}).to_string().into_bytes()
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        Ok(Answer { results: ranked(body.output.results)?, tokens: body.usage.and_then(|counts| counts.total_tokens) })
    }
}
