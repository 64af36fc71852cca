//! What all formats for reranking read into and write from.

use serde_json::value::RawValue;

/// Documents to be put in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    pub query: String,
    pub documents: Vec<String>,
    /// How many of the best are wanted; `None` for all.
    pub top_n: Option<u64>,
    /// The answer repeats the documents; `None` where the client did not say.
    pub return_documents: Option<bool>,
    /// Fields that only their own format has.
    pub others: Vec<String>,
}

/// The documents in order, the best first.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub results: Vec<Ranked>,
    pub tokens: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Ranked {
    /// Of the document in the request.
    pub index: usize,
    /// A JSON number, as its sender wrote it.
    pub score: Box<RawValue>,
}

/// What an answer repeats of its request.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The model as the vendor calls it.
    pub model: &'a str,
    pub request: &'a Request,
}

impl Answer {
    /// The documents that the results stand for, as far as there are such.
    pub(super) fn documents<'a>(&'a self, request: &'a Request) -> impl Iterator<Item = (&'a Ranked, Option<&'a str>)> {
        self.results.iter().map(|ranked| (ranked, request.documents.get(ranked.index).map(String::as_str)))
    }
}
