//! Model names: from a name to targets, and the list that clients are shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::ingress;
use super::respond::Answer;
use super::worker::Worker;
use crate::chat::{ApiError, ErrorKind, Fault};
use crate::dialect::Dialect;
use crate::runtime::{ClientEntry, ProviderEntry, Resolved, Snapshot};

/// What a model name stands for: an alias, `provider/model`, or a bare name that exactly one provider lists.
pub(super) async fn resolve(worker: &Worker, snapshot: &Snapshot, model: &str) -> Result<Resolved, ApiError> {
    if let Some(resolved) = snapshot.resolve(model) {
        return Ok(resolved);
    }
    let listed = join_all(snapshot.providers.iter().map(|entry| list_of(worker, entry))).await;
    let mut owners = snapshot.providers.iter().zip(&listed).filter(|(_, list)| list.as_ref().is_some_and(|l| l.iter().any(|m| m == model)));
    match (owners.next(), owners.next()) {
        (Some((entry, _)), None) => Ok(Resolved::Target(entry.target(model))),
        (Some((one, _)), Some((other, _))) => {
            let (one, other) = (&one.provider.name, &other.provider.name);
            let message = format!("more than one provider has the model `{model}`; write `{one}/{model}` or `{other}/{model}`");
            Err(ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "model_not_found", message).with_param("model"))
        }
        (None, _) => match (snapshot.providers.as_slice(), listed.as_slice()) {
            // The only provider says nothing of its models: it has to know itself.
            ([only], [None]) => Ok(Resolved::Target(only.target(model))),
            _ => Err(not_found(model)),
        },
    }
}

fn not_found(model: &str) -> ApiError {
    let message = format!(
        "the model `{model}` is not known: name an alias of the configuration, `provider/model`, or a model that one provider lists (GET /v1/models shows them)"
    );
    ApiError::new(404, ErrorKind::InvalidRequest, Fault::Client, "model_not_found", message).with_param("model")
}

/// The models a provider offers, as far as it can be told.
async fn list_of(worker: &Worker, entry: &ProviderEntry) -> Option<Arc<[String]>> {
    match entry.provider.models() {
        Some(configured) => Some(Arc::from(configured)),
        None => entry.learnt.models(&entry.provider, &worker.pool).await.filter(|list| !list.is_empty()),
    }
}

/// `GET /v1/models`: aliases, then `provider/model` for everything known.
pub(super) async fn list(
    worker: &Worker,
    snapshot: &Snapshot,
    client: Option<&ClientEntry>,
    client_dialect: &dyn Dialect,
) -> Result<Answer, ApiError> {
    let models = names(worker, snapshot, client).await;
    let body = client_dialect.write_models(models.iter().map(|(name, owner)| client_dialect.write_model(name, owner, 0)).collect());
    Ok(Answer::json(body.to_string(), HeaderMap::new()))
}

/// `GET /v1/models/{id}`.
pub(super) async fn one(
    worker: &Worker,
    snapshot: &Snapshot,
    client: Option<&ClientEntry>,
    client_dialect: &dyn Dialect,
    id: &str,
) -> Result<Answer, ApiError> {
    let owner = owner(worker, snapshot, client, id).await?;
    let body = client_dialect.write_model(id, &owner, 0);
    Ok(Answer::json(body.to_string(), HeaderMap::new()))
}

/// `POST /api/show`: that the model is known, whose it is, and that it answers. More is not known of it.
pub(super) async fn show(
    worker: &Worker,
    snapshot: &Arc<Snapshot>,
    client: Option<&ClientEntry>,
    request: Request<Incoming>,
) -> Result<Answer, ApiError> {
    #[derive(Deserialize)]
    struct Asked {
        #[serde(alias = "name")]
        model: String,
    }
    ingress::check_json(request.headers())?;
    let (head, body) = request.into_parts();
    let body = ingress::read_body(body, &head.headers, snapshot).await?;
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|_| ApiError::invalid("missing_required_parameter", "model", "the body has to be a JSON object with a `model`"))?;
    let owner = owner(worker, snapshot, client, &asked.model).await?;
    let body = json!({"details": {"family": owner}, "model_info": {}, "capabilities": ["completion"]});
    Ok(Answer::json(body.to_string(), HeaderMap::new()))
}

/// The provider of a model that the client may use.
async fn owner(worker: &Worker, snapshot: &Snapshot, client: Option<&ClientEntry>, id: &str) -> Result<String, ApiError> {
    match names(worker, snapshot, client).await.into_iter().find(|(name, _)| name == id) {
        Some((_, owner)) => Ok(owner),
        None if client.is_none_or(|client| client.may_use(id)) => {
            let plan = resolve(worker, snapshot, id).await?.plan(None, Instant::now());
            Ok(plan.first().map(|candidate| candidate.target.provider.name.clone()).unwrap_or_default())
        }
        None => Err(not_found(id)),
    }
}

/// Every name the client may use, with its owner.
async fn names(worker: &Worker, snapshot: &Snapshot, client: Option<&ClientEntry>) -> Vec<(String, String)> {
    let listed = join_all(snapshot.providers.iter().map(|entry| list_of(worker, entry))).await;
    let mut seen = BTreeSet::new();
    let aliases = snapshot.aliases().map(|alias| (alias.to_owned(), "llm-sidecar".to_owned()));
    let models = snapshot.providers.iter().zip(&listed).flat_map(|(entry, list)| {
        let provider = &entry.provider.name;
        list.iter().flat_map(|list| list.iter()).map(move |model| (format!("{provider}/{model}"), provider.clone()))
    });
    aliases.chain(models).filter(|(name, _)| client.is_none_or(|c| c.may_use(name)) && seen.insert(name.clone())).collect()
}
