//! Rerank: documents are put in order by how well they answer a query. Each format reads and writes both ways over one hub.
//! Where both ends speak the same format, the request is only edited for the model's name.

mod cohere;
mod dashscope;
mod hub;
mod jina;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::side::{self, Answered, Asking, Sent};
use super::{To, estimate};
use crate::chat::{ApiError, Dropped};
pub use hub::{Answer, Ranked, Reply, Request};

/// The formats, as the catalogue names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RerankId {
    /// `/rerank`, as Jina made it and vLLM and many others copy it.
    Jina,
    /// `/v2/rerank`
    Cohere,
    /// Cohere's and Amazon's models at Bedrock.
    Bedrock,
    /// `/services/rerank/text-rerank/text-rerank`
    Dashscope,
}

/// The format of an id.
pub fn rerank(id: RerankId) -> &'static dyn Rerank {
    match id {
        RerankId::Jina => &jina::Jina,
        RerankId::Cohere => &cohere::Cohere,
        RerankId::Bedrock => &cohere::Bedrock,
        RerankId::Dashscope => &dashscope::Dashscope,
    }
}

/// A wire format for reranking, in both directions.
pub trait Rerank: Send + Sync {
    // --- as a server ---------------------------------------------------------------------------------------------------

    /// Reads a client's request.
    fn read_request(&self, body: &[u8]) -> Result<Request, ApiError>;

    /// Writes an answer.
    fn write_answer(&self, answer: &Answer, reply: &Reply<'_>) -> Vec<u8>;

    /// An answer tells the tokens, and so needs an estimate where the vendor does not.
    fn tells_tokens(&self) -> bool {
        true
    }

    // --- as a client ---------------------------------------------------------------------------------------------------

    /// Whether the vendor has this model in this format.
    fn serves(&self, _model: &str) -> bool {
        true
    }

    /// The path below the API's root.
    fn path(&self, model: &str) -> Cow<'static, str>;

    /// Writes a request to a vendor.
    fn write_request(&self, request: &Request, to: &To<'_>) -> Vec<u8>;

    /// Reads an answer with a success status; a vendor error inside it is an `Err`.
    fn read_answer(&self, body: &[u8]) -> Result<Answer, ApiError>;

    // --- both ends alike -----------------------------------------------------------------------------------------------

    /// Edits a client's request for a vendor of the same format.
    fn edit_request(&self, body: &Bytes, to: &To<'_>) -> Result<Bytes, ApiError> {
        side::with_model(body, to.model)
    }
}

/// What to ask a vendor that has these formats, for a client of one of them or of another.
pub fn ask(client: RerankId, vendor: &[RerankId], body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    if vendor.contains(&client) {
        return relay(rerank(client), body, to);
    }
    let mut formats = vendor.iter().map(|id| rerank(*id));
    let unknown = || side::cannot("model", "documents to put in order", to.model);
    translate(rerank(client), formats.find(|format| format.serves(to.model)).ok_or_else(unknown)?, body, to)
}

fn relay(format: &'static dyn Rerank, body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    let sent = Sent { path: format.path(to.model), body: format.edit_request(body, to)? };
    let answer = move |bodies: Vec<Bytes>| {
        let body = bodies.into_iter().next().ok_or_else(side::malformed)?;
        let usage = side::usage(format.read_answer(&body)?.tokens);
        Ok(Answered { body, usage, is_estimated: false })
    };
    Ok(Asking { calls: vec![sent], dropped: Dropped::default(), answer: Box::new(answer) })
}

fn translate(client: &'static dyn Rerank, vendor: &'static dyn Rerank, body: &Bytes, to: &To<'_>) -> Result<Asking, ApiError> {
    let request = client.read_request(body)?;
    let mut dropped = Dropped::default();
    request.others.iter().for_each(|field| dropped.add(field.clone()));
    let sent = Sent { path: vendor.path(to.model), body: vendor.write_request(&request, to).into() };
    let model = to.model.to_owned();
    let answer = move |bodies: Vec<Bytes>| {
        let mut answer = vendor.read_answer(&bodies.into_iter().next().ok_or_else(side::malformed)?)?;
        if answer.documents(&request).any(|(_, document)| document.is_none()) {
            return Err(side::malformed());
        }
        let usage = side::usage(answer.tokens);
        let is_estimated = usage.is_none() && client.tells_tokens();
        if is_estimated {
            let texts = request.documents.iter().chain([&request.query]);
            answer.tokens = Some(texts.map(|text| estimate::text_tokens(text)).sum());
        }
        let body = client.write_answer(&answer, &Reply { model: &model, request: &request });
        Ok(Answered { body: body.into(), usage, is_estimated })
    };
    Ok(Asking { calls: vec![sent], dropped, answer: Box::new(answer) })
}

/// A result as most formats write it.
#[derive(Deserialize)]
struct Found<'a> {
    index: usize,
    #[serde(borrow, alias = "score")]
    relevance_score: &'a RawValue,
}

fn ranked(found: Vec<Found<'_>>) -> Result<Vec<Ranked>, ApiError> {
    let each = |found: Found<'_>| {
        serde_json::from_str::<f64>(found.relevance_score.get()).map_err(|_| side::malformed())?;
        Ok(Ranked { index: found.index, score: found.relevance_score.to_owned() })
    };
    found.into_iter().map(each).collect()
}

/// The query and the documents. A document may be an object with a text.
fn read(fields: &mut Fields<'_>) -> Result<Request, ApiError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Document {
        Text(String),
        Object { text: String },
    }
    let query = fields.take(&["query"])?.ok_or_else(|| fields::missing("query"))?;
    let documents: Vec<Document> = fields.take(&["documents"])?.ok_or_else(|| fields::missing("documents"))?;
    if documents.is_empty() {
        return Err(ApiError::invalid("invalid_value", "documents", "`documents` has to hold at least one document"));
    }
    let text = |document| match document {
        Document::Text(text) | Document::Object { text } => text,
    };
    Ok(Request { query, documents: documents.into_iter().map(text).collect(), ..Request::default() })
}
