//! Jina's `/rerank`, and those of the many that copy it; Voyage's spellings are read too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Found, Ranked, Reply, Request, Rerank, ranked, read};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::ApiError;
use crate::dialect::fields::Fields;
use crate::dialect::{To, side};

pub(super) struct Jina;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, alias = "data")]
    results: Vec<Found<'a>>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    total_tokens: Option<u64>,
}

impl Rerank for Jina {
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError> {
        let mut fields = Fields::of_body(body)?;
        fields.raw(&["model"]);
        let request = read(&mut fields)?;
        let top_n = fields.take(&["top_n", "top_k"])?;
        let return_documents = fields.take(&["return_documents"])?;
        Ok(Request { top_n, return_documents, others: fields.names(), ..request })
    }

    /// The documents come with the answer unless the client does not want them.
    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Vec<u8> {
        let repeats = reply.request.return_documents != Some(false);
        let one = |(ranked, document): (&Ranked, Option<&str>)| {
            let mut item = RawObject::default();
            item.set("index", to_raw(&ranked.index));
            item.set("relevance_score", ranked.score.clone());
            if let Some(text) = document.filter(|_| repeats) {
                item.set("document", to_raw(&json!({ "text": text })));
            }
            item
        };
        let results: Vec<RawObject<'_>> = answer.documents(reply.request).map(one).collect();
        let mut object = RawObject::default();
        object.set("model", to_raw(&reply.model));
        object.set("usage", to_raw(&json!({"total_tokens": answer.tokens.unwrap_or_default()})));
        object.set("results", to_raw(&results));
        object.write()
    }

    fn path(&self, _model: &str) -> Cow<'static, str> {
        "/rerank".into()
    }

    fn write_request(&self, request: &Request, to: &To<'_>) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("model".into(), to.model.into());
        body.insert("query".into(), request.query.as_str().into());
        body.insert("documents".into(), request.documents.clone().into());
        if let Some(top_n) = request.top_n {
            body.insert("top_n".into(), top_n.into());
        }
        // The answer's documents are put in here.
        body.insert("return_documents".into(), false.into());
        Value::Object(body).to_string().into_bytes()
    }

    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError> {
        let body: Body<'_> = serde_json::from_slice(body).map_err(|_| side::no_answer(body))?;
        Ok(Answer { results: ranked(body.results)?, tokens: body.usage.and_then(|counts| counts.total_tokens) })
    }
}
