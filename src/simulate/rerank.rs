//! Rerank in every format: a document's score is the share of the query's words that it has, and a little that depends on it.

use std::cmp::Reverse;

use super::directives::Directives;
use super::router::{Answer, Call};
use super::text;
use crate::base::raw::to_raw;
use crate::chat::ApiError;
use crate::dialect::rerank::{Answer as Order, Ranked, Reply, RerankId, rerank};

/// What a whole share of words counts; scores are written in millionths.
const WHOLE: u64 = 900_000;

pub(super) fn answer(call: &Call, id: RerankId, directives: &mut Directives) -> Result<Answer, ApiError> {
    let format = rerank(id);
    let request = format.read_request(&call.body)?;
    let query = directives.take_from(&request.query)?;
    let mut scores: Vec<(usize, u64)> = request.documents.iter().map(|document| score(&query, document)).enumerate().collect();
    scores.sort_by_key(|(_, score)| Reverse(*score));
    let most = request.top_n.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let ranked = |(index, score)| Ranked { index, score: to_raw(&(score as f64 / 1e6)) };
    let results = scores.into_iter().take(most).map(ranked).collect();
    let chars = |text: &String| text::tokens(text.chars().count());
    let tokens = format.tells_tokens().then(|| request.documents.iter().chain([&request.query]).map(chars).sum());
    let bytes = format.write_answer(&Order { results, tokens }, &Reply { model: &call.model()?, request: &request });
    Ok(Answer::Whole { content_type: "application/json", bytes: bytes.into() })
}

fn score(query: &str, document: &str) -> u64 {
    let words: Vec<&str> = query.split_whitespace().collect();
    let has = words.iter().filter(|word| document.split_whitespace().any(|other| other.eq_ignore_ascii_case(word))).count() as u64;
    WHOLE * has / (words.len() as u64).max(1) + text::hash(document.as_bytes()) % 100_000
}
