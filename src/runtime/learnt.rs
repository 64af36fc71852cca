//! Model lists learnt from vendors: asked for when they are first needed, kept for a while, and kept across reloads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::credential::CredentialKind;
use super::provider::Provider;
use crate::upstream::{Pool, RequestBody};
use crate::vendor::Endpoint;

/// How long a list is good for.
const FRESH: Duration = Duration::from_secs(600);
/// How long a failure is remembered before the vendor is asked again.
const RETRY: Duration = Duration::from_secs(30);
const ASK_LIMIT: Duration = Duration::from_secs(5);
const MAX_LIST: usize = 4 << 20;

/// One provider's learnt list.
#[derive(Default)]
pub struct Learnt {
    state: Mutex<State>,
    /// Held while the vendor is asked, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    models: Option<Arc<[String]>>,
    asked: Option<Instant>,
}

impl Learnt {
    /// The list as it is known now, without asking.
    pub fn known(&self) -> Option<Arc<[String]>> {
        self.state.lock().models.clone()
    }

    /// The list, asking the vendor where it is not known or too old. `None` when the vendor gives none.
    pub async fn models(&self, provider: &Provider, pool: &Pool) -> Option<Arc<[String]>> {
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let _asking = self.asking.lock().await;
        if let Some(answer) = self.fresh() {
            return answer;
        }
        let found = match tokio::time::timeout(ASK_LIMIT, ask(provider, pool)).await {
            Ok(Ok(found)) => Some(Arc::from(found)),
            Ok(Err(reason)) => {
                tracing::debug!(provider = provider.name, reason, "no model list from the vendor");
                None
            }
            Err(_) => None,
        };
        let mut state = self.state.lock();
        state.asked = Some(Instant::now());
        if found.is_some() {
            state.models = found;
        }
        state.models.clone()
    }

    /// `Some` when there is no need to ask (again).
    fn fresh(&self) -> Option<Option<Arc<[String]>>> {
        let state = self.state.lock();
        let age = state.asked?.elapsed();
        let limit = if state.models.is_some() { FRESH } else { RETRY };
        (age < limit).then(|| state.models.clone())
    }
}

async fn ask(provider: &Provider, pool: &Pool) -> Result<Vec<String>, String> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(provider.path(Endpoint::Models, "", None))
        .header(http::header::HOST, provider.host.clone())
        .header(http::header::ACCEPT, "application/json");
    if let Some(CredentialKind::Header(name, value)) = provider.credentials.first().map(|credential| &credential.kind) {
        request = request.header(name, value.clone());
    }
    for (name, value) in &provider.headers {
        request = request.header(name, value.clone());
    }
    if let Some(version) = provider.vendor.version_header() {
        request = request.header(version.0, version.1);
    }
    let request = request.body(RequestBody::empty()).map_err(|e| e.to_string())?;
    let response = pool.send(&provider.origin, request, provider.timeout.connect).await.map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(chunk) = std::future::poll_fn(|cx| body.poll_data(cx)).await {
        let chunk: Bytes = chunk.map_err(|e| e.to_string())?;
        if text.len() + chunk.len() > MAX_LIST {
            return Err("the list is too long".into());
        }
        text.extend_from_slice(&chunk);
    }
    read_list(&text).ok_or_else(|| "not a model list".to_owned())
}

/// The ids of OpenAI's and Anthropic's list shapes, of Google's, and of a bare array (Together).
fn read_list(text: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Item {
        id: String,
    }
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum List {
        Object { data: Vec<Item> },
        Named { models: Vec<Named> },
        Bare(Vec<Item>),
    }
    let items: Vec<Item> = match serde_json::from_slice(text).ok()? {
        List::Object { data } => data,
        List::Bare(items) => items,
        List::Named { models } => {
            let id = |name: String| name.strip_prefix("models/").map_or_else(|| name.clone(), str::to_owned);
            return Some(models.into_iter().map(|model| id(model.name)).collect());
        }
    };
    Some(items.into_iter().map(|item| item.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_shapes_vendors_use() {
        for text in [
            r#"{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}"#,
            r#"{"data":[{"type":"model","id":"a"},{"type":"model","id":"b"}],"has_more":false}"#,
            r#"[{"id":"a"},{"id":"b"}]"#,
            r#"{"models":[{"name":"models/a","version":"1"},{"name":"b"}]}"#,
        ] {
            assert_eq!(read_list(text.as_bytes()).unwrap(), ["a", "b"]);
        }
        assert!(read_list(b"<html>").is_none());
    }
}
