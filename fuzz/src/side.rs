//! Embeddings and reranking: what a client asks is written for a vendor of any format, and the vendor's answer for the client.

use bytes::Bytes;
use llm_sidecar::chat::ApiError;
use llm_sidecar::dialect::embeddings::{self, EmbeddingsId};
use llm_sidecar::dialect::rerank::{self, RerankId};
use llm_sidecar::dialect::side::Asking;
use llm_sidecar::dialect::{Quirks, To};

/// Every format for embeddings.
pub const EMBEDDINGS: [EmbeddingsId; 10] = [
    EmbeddingsId::Openai,
    EmbeddingsId::Gemini,
    EmbeddingsId::GeminiBatch,
    EmbeddingsId::VertexPredict,
    EmbeddingsId::Cohere,
    EmbeddingsId::Ollama,
    EmbeddingsId::OllamaPrompt,
    EmbeddingsId::Dashscope,
    EmbeddingsId::BedrockTitan,
    EmbeddingsId::BedrockCohere,
];

/// Every format for reranking.
pub const RERANK: [RerankId; 4] = [RerankId::Jina, RerankId::Cohere, RerankId::Bedrock, RerankId::Dashscope];

/// What stands between a request and an answer; no JSON text has this byte.
pub const BETWEEN: u8 = 0;

/// The first two bytes name the client's and the vendor's format; then comes a request, [`BETWEEN`], and the vendor's answer to each
/// of its calls. What is relayed may hold anything its vendor says.
pub fn embeddings(data: &[u8]) {
    let Some((client, vendor, request, answer)) = parts(data, &EMBEDDINGS) else { return };
    let format = embeddings::embeddings(client);
    let _ = format.view(request);
    let body = Bytes::copy_from_slice(request);
    let Ok(asking) = with_to(|to| embeddings::ask(client, &[vendor], &body, to)) else { return };
    if client != vendor {
        for sent in &asking.calls {
            let read = embeddings::embeddings(vendor).read_request(&sent.body);
            assert!(read.is_ok(), "{vendor:?} writes a request it cannot read: {}", String::from_utf8_lossy(&sent.body));
        }
    }
    let Some(answered) = answered(asking, answer).filter(|_| client != vendor) else { return };
    let read = format.read_answer(&answered);
    assert!(read.is_ok(), "{client:?} writes an answer it cannot read: {}", String::from_utf8_lossy(&answered));
}

/// As [`embeddings`] for reranking.
pub fn rerank(data: &[u8]) {
    let Some((client, vendor, request, answer)) = parts(data, &RERANK) else { return };
    let body = Bytes::copy_from_slice(request);
    let Ok(asking) = with_to(|to| rerank::ask(client, &[vendor], &body, to)) else { return };
    if client != vendor {
        for sent in &asking.calls {
            let read = rerank::rerank(vendor).read_request(&sent.body);
            assert!(read.is_ok(), "{vendor:?} writes a request it cannot read: {}", String::from_utf8_lossy(&sent.body));
        }
    }
    let Some(answered) = answered(asking, answer).filter(|_| client != vendor) else { return };
    let read = rerank::rerank(client).read_answer(&answered);
    assert!(read.is_ok(), "{client:?} writes an answer it cannot read: {}", String::from_utf8_lossy(&answered));
}

fn parts<'a, T: Copy>(data: &'a [u8], formats: &[T]) -> Option<(T, T, &'a [u8], &'a [u8])> {
    let ([client, vendor], rest) = data.split_first_chunk()?;
    let named = |at: u8| formats.get(usize::from(at)).copied();
    let mut halves = rest.splitn(2, |byte| *byte == BETWEEN);
    Some((named(*client)?, named(*vendor)?, halves.next()?, halves.next().unwrap_or_default()))
}

fn with_to(ask: impl FnOnce(&To<'_>) -> Result<Asking, ApiError>) -> Result<Asking, ApiError> {
    let quirks = Quirks::default();
    ask(&To { model: "m", quirks: &quirks, want_usage: true })
}

fn answered(asking: Asking, answer: &[u8]) -> Option<Bytes> {
    let bodies = vec![Bytes::copy_from_slice(answer); asking.calls.len()];
    (asking.answer)(bodies).ok().map(|answered| answered.body)
}
