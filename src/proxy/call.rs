//! A client's request, read and routed.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::admit::Load;
use super::client_sdk;
use crate::chat::{ApiError, DialectId, Request};
use crate::dialect::embeddings::EmbeddingsId;
use crate::dialect::rerank::RerankId;
use crate::dialect::{Encode, Reply, View, dialect, estimate_tokens_roughly};
use crate::runtime::Resolved;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Chat,
    /// In this format.
    Embeddings(EmbeddingsId),
    Rerank(RerankId),
}

/// A request as it came, and where it may go.
pub(super) struct Call {
    /// The client's dialect.
    pub dialect: DialectId,
    pub asked: Asked,
    /// The client's name, where clients have keys.
    pub client: Option<Arc<str>>,
    pub headers: HeaderMap,
    pub query: Option<String>,
    pub body: Bytes,
    pub view: View,
    pub resolved: Resolved,
    /// Requests with the same number belong together and stay on one target and credential, if the route is sticky.
    pub conversation: Option<u64>,
    /// The same for every attempt, so that a vendor that knows it does not do the work twice.
    pub idempotency_key: HeaderValue,
    hub: OnceLock<Request>,
}

impl Call {
    #[expect(clippy::too_many_arguments, reason = "the parts of one request, each used once")]
    pub(super) fn new(
        dialect: DialectId,
        asked: Asked,
        client: Option<Arc<str>>,
        headers: HeaderMap,
        query: Option<String>,
        body: Bytes,
        view: View,
        resolved: Resolved,
        conversation: Option<u64>,
        idempotency_key: HeaderValue,
    ) -> Self {
        Self { dialect, asked, client, headers, query, body, view, resolved, conversation, idempotency_key, hub: OnceLock::new() }
    }

    /// The request in the hub's terms, read when it is first needed.
    pub(super) fn hub(&self) -> Result<&Request, ApiError> {
        if let Some(request) = self.hub.get() {
            return Ok(request);
        }
        // Some dialects say in the path whether they want a stream.
        let request = Request { stream: self.view.stream, ..dialect(self.dialect).read_request(&self.body)? };
        Ok(self.hub.get_or_init(|| request))
    }

    /// What it asks of limits on tokens.
    pub(super) fn load(&self) -> Load<'_> {
        match self.asked {
            Asked::Chat => Load::Chat(self),
            Asked::Embeddings(_) | Asked::Rerank(_) => Load::Prompt(self.prompt_tokens()),
        }
    }

    /// About how many tokens the prompt has, for limits.
    pub(super) fn prompt_tokens(&self) -> u64 {
        estimate_tokens_roughly(&self.body)
    }

    /// The client takes a tool call in one piece only, so that no stream of calls is relayed to it as it is.
    pub(super) fn wants_whole_calls(&self) -> bool {
        client_sdk::is_mistral(&self.headers)
    }

    /// Writes a streamed answer as the client takes it.
    pub(super) fn encoder(&self, reply: &Reply) -> Box<dyn Encode> {
        let dialect = dialect(self.dialect);
        if self.wants_whole_calls() { dialect.whole_call_encoder(reply) } else { dialect.encoder(reply) }
    }

    /// What an answer by `upstream_model` has to know of this request.
    pub(super) fn reply(&self, upstream_model: &str) -> Reply {
        Reply {
            requested_model: self.view.model.clone(),
            upstream_model: upstream_model.to_owned(),
            include_usage: self.view.include_usage,
            prompt_estimate: 0,
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            request: self.body.clone(),
        }
    }
}
