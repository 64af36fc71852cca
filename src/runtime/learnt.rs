//! Model lists learnt from vendors: asked for when they are first needed, kept for a while, and kept across reloads.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Method, Request};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::credential::CredentialKind;
use super::model_page;
use super::provider::Provider;
use crate::upstream::{Expect, Pool, RequestBody};
use crate::vendor::Endpoint;
use crate::vendor::auth::Grant;

/// How long a list is good for.
const FRESH: Duration = Duration::from_secs(600);
/// How long a failure is remembered before the vendor is asked again.
const RETRY: Duration = Duration::from_secs(30);
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Of one page.
const MAX_LIST: usize = 4 << 20;
const MOST_PAGES: usize = 50;

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

    /// The vendor's list as it is now, which is then the known one.
    ///
    /// # Errors
    /// Why the vendor gives none.
    pub async fn ask(&self, provider: &Provider, pool: &Pool) -> Result<Arc<[String]>, String> {
        let _asking = self.asking.lock().await;
        let asked = tokio::time::timeout(ASK_LIMIT, ask(provider, pool)).await;
        let models: Arc<[String]> = Arc::from(asked.map_err(|_| "it does not answer".to_owned())??);
        *self.state.lock() = State { models: Some(Arc::clone(&models)), asked: Some(Instant::now()) };
        Ok(models)
    }

    /// `Some` when there is no need to ask (again).
    fn fresh(&self) -> Option<Option<Arc<[String]>>> {
        let state = self.state.lock();
        let age = state.asked?.elapsed();
        let limit = if state.models.is_some() { FRESH } else { RETRY };
        (age < limit).then(|| state.models.clone())
    }
}

/// All pages of the list.
async fn ask(provider: &Provider, pool: &Pool) -> Result<Vec<String>, String> {
    let (mut models, mut query): (Vec<String>, Option<String>) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let text = fetch(provider, pool, query.as_deref()).await?;
        let page = model_page::read(&text).ok_or("not a model list")?;
        models.extend(page.models);
        match page.next {
            Some(next) if query.as_ref() != Some(&next) => query = Some(next),
            _ => return Ok(models),
        }
    }
    Err("the list has no end".to_owned())
}

/// One page.
async fn fetch(provider: &Provider, pool: &Pool, query: Option<&str>) -> Result<Vec<u8>, String> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(provider.path(Endpoint::Models, "", query))
        .header(http::header::HOST, provider.host.clone())
        .header(http::header::ACCEPT, "application/json");
    match provider.credentials.first().map(|credential| &credential.kind) {
        Some(CredentialKind::Header(name, value)) => request = request.header(name, value.clone()),
        Some(CredentialKind::Tokens(tokens)) => match &*tokens.get().await.map_err(|e| e.to_string())? {
            Grant::Bearer(value) => request = request.header(AUTHORIZATION, value.clone()),
            Grant::Keys(_) | Grant::Signer(_) => return Err("its models are listed by another API".to_owned()),
        },
        Some(CredentialKind::Forward(_) | CredentialKind::None) | None => {}
    }
    for (name, value) in &provider.headers {
        request = request.header(name, value.clone());
    }
    if let Some(version) = provider.vendor.version_header() {
        request = request.header(version.0, version.1);
    }
    let request = request.body(RequestBody::empty()).map_err(|e| e.to_string())?;
    let response =
        pool.send(&provider.origin, Box::new(request), Expect::Whole, provider.timeout.connect).await.map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    response.into_body().collect(MAX_LIST).await.map_err(|e| e.to_string())
}
