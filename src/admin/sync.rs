//! A provider's models as its vendor lists them. What was made by hand is not touched: aliases and a provider's own `models` stay.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::resources::{blocking, control, missing, now};
use super::serve::Admin;
use super::{observed, refused, trail};
use crate::store::Kind;

/// `POST /api/v1/llm/providers/{name}/sync-models`.
pub(super) async fn run(admin: &Arc<Admin>, call: &Call) -> Result<Answer, Problem> {
    call.only(&[])?;
    let control = control(admin)?;
    let name = call.name().to_owned();
    let snapshot = admin.runtime.snapshot();
    let entry = snapshot.provider(&name).cloned().ok_or_else(|| missing(Kind::Provider, &name))?;
    trail::note(admin, call, "provider.sync_models", name.clone(), json!({})).await?;
    let listed = entry.learnt.ask(&entry.provider, &admin.worker.pool).await.map_err(|reason| {
        Problem::new(StatusCode::FAILED_DEPENDENCY, "upstream_error", format!("the vendor gives no list of models: {reason}"))
    })?;
    let result = blocking(move || {
        let failed = |error| refused::store(&error);
        let before = control.store.observations(observed::MODELS).map_err(failed)?;
        let before = before.into_iter().find(|seen| seen.name == name).and_then(|seen| serde_json::from_str(&seen.body).ok());
        let merged = merge(&before.unwrap_or(Value::Null), &listed, now());
        control.store.observe(observed::MODELS, &name, &merged.to_string()).map_err(failed)?;
        Ok(merged)
    });
    Ok(answer::ok(&result.await?))
}

/// The list as it is now, with what has vanished from it marked.
fn merge(before: &Value, listed: &[String], now: u64) -> Value {
    let old = before["models"].as_array().cloned().unwrap_or_default();
    let known = |id: &str| old.iter().find(|model| model["id"] == id);
    let is_listed = |id: &Value| listed.iter().any(|listed| *id == **listed);
    let mut models: Vec<Value> = listed
        .iter()
        .map(|id| {
            let first = known(id).map_or_else(|| json!(now), |model| model["first_seen"].clone());
            json!({"id": id, "first_seen": first, "last_seen": now, "is_vanished": false})
        })
        .collect();
    let gone = old.iter().filter(|model| !is_listed(&model["id"])).cloned().map(|mut model| {
        model["is_vanished"] = true.into();
        model
    });
    models.extend(gone);
    let added: Vec<&String> = listed.iter().filter(|id| known(id).is_none()).collect();
    let vanished: Vec<&Value> =
        old.iter().filter(|model| model["is_vanished"] == false && !is_listed(&model["id"])).map(|m| &m["id"]).collect();
    json!({"synced_at": now, "added": added, "vanished": vanished, "models": models})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_models_are_added_and_gone_ones_marked() {
        let first = merge(&Value::Null, &["a".into(), "b".into()], 1);
        let second = merge(&first, &["b".into(), "c".into()], 2);
        assert_eq!((&second["added"], &second["vanished"]), (&json!(["c"]), &json!(["a"])));
        assert_eq!(second["models"][0], json!({"id": "b", "first_seen": 1, "last_seen": 2, "is_vanished": false}));
        assert_eq!(second["models"][2], json!({"id": "a", "first_seen": 1, "last_seen": 1, "is_vanished": true}));
        assert_eq!(merge(&second, &["b".into(), "c".into()], 3)["vanished"], json!([]));
    }
}
