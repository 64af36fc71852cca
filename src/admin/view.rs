//! How records and declarations of the files are shown.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer::Problem;
use super::call::Call;
use crate::config::{Config, exchange_name};
use crate::control::{is_active, mask};
use crate::store::{Kind, Record};

/// One thing as the API shows it, and its entity tag.
pub(super) struct Shown {
    pub body: Value,
    pub tag: String,
}

/// A record of the store. Secrets are masked.
pub(super) fn record(record: &Record) -> Shown {
    let stored: Value = serde_json::from_str(&record.body).unwrap_or(Value::Null);
    Shown { body: with_status(record.kind, &record.name, &stored, Some(record)), tag: format!("\"s{}\"", record.version) }
}

/// A body that is (to be) stored, as it is shown.
pub(super) fn stored(kind: Kind, name: &str, body: &Value) -> Value {
    with_status(kind, name, body, None)
}

fn with_status(kind: Kind, name: &str, stored: &Value, record: Option<&Record>) -> Value {
    let mut config = stored.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let key_set = config.contains_key("api_key") || config.contains_key("api_keys");
    mask(kind, &mut config);
    let mut status = json!({"source": "store", "declared_at": null});
    if let Some(record) = record {
        status["created_at"] = record.created.into();
        status["updated_at"] = record.updated.into();
    }
    let mut shown = json!({"name": name});
    match kind {
        Kind::Provider => {
            shown["provider_type"] = stored.get("provider_type").cloned().unwrap_or(Value::Null);
            status["key_set"] = key_set.into();
        }
        Kind::Model => {
            shown["model_type"] = stored.get("model_type").cloned().unwrap_or(Value::Null);
            shown["parameters"] = stored.get("parameters").cloned().unwrap_or_else(|| json!({}));
        }
        Kind::Client => {
            let keys = stored.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
            let shown_key = |key: &Value| json!({"id": key.get("id"), "created_at": key.get("created_at")});
            status["keys"] = keys.iter().map(shown_key).collect();
        }
        Kind::Price | Kind::ExchangeRate => {}
    }
    shown["config"] = config.into();
    shown["is_active"] = is_active(stored).into();
    shown["status"] = status;
    shown
}

/// What the files declare of a kind, by name.
pub(super) fn declared(config: &Config, kind: Kind, in_store: &dyn Fn(&str) -> bool) -> BTreeMap<String, Shown> {
    let document: Value = serde_json::from_str(&config.effective.document).unwrap_or(Value::Null);
    let section = kind.section().split('.').try_fold(&document, |within, key| within.get(key));
    let entries: Vec<(String, Map<String, Value>)> = match section {
        Some(Value::Array(items)) if kind == Kind::ExchangeRate => {
            items.iter().filter_map(|item| exchange_rate(item.as_object()?)).collect()
        }
        Some(Value::Object(named)) => {
            named.iter().map(|(name, value)| (name.clone(), value.as_object().cloned().unwrap_or_default())).collect()
        }
        Some(Value::Array(items)) => {
            items.iter().filter_map(|item| Some((item.get("name")?.as_str()?.to_owned(), item.as_object()?.clone()))).collect()
        }
        _ => Vec::new(),
    };
    let tag = format!("\"f{}\"", config.hash.get(..16).unwrap_or_default());
    let entries = entries.into_iter().filter(|(name, _)| !in_store(name));
    entries
        .map(|(name, mut entry)| {
            let place = config.effective.places.get(&format!("{}.{name}", kind.section()));
            let mut status = json!({"source": "file", "declared_at": place});
            let mut shown = json!({"name": name});
            match kind {
                Kind::Provider => {
                    shown["provider_type"] = entry.shift_remove("type").unwrap_or(Value::Null);
                    status["key_set"] = (entry.contains_key("api_key") || entry.contains_key("api_keys")).into();
                }
                Kind::Model => {
                    shown["model_type"] = "chat".into();
                    shown["parameters"] = json!({});
                }
                Kind::Client => {
                    entry.shift_remove("name");
                    entry.shift_remove("key");
                    entry.shift_remove("key_sha256");
                    status["keys"] = json!([]);
                }
                Kind::Price | Kind::ExchangeRate => {}
            }
            shown["config"] = entry.into();
            shown["is_active"] = true.into();
            shown["status"] = status;
            (name, Shown { body: shown, tag: tag.clone() })
        })
        .collect()
}

fn exchange_rate(item: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let name = exchange_name(text("from")?, text("to")?, text("since"));
    let rate = item.iter().filter(|(key, _)| *key == "rate").map(|(key, rate)| (key.clone(), rate.clone()));
    Some((name, rate.collect()))
}

/// A page of a list that is sorted by name: `limit` entries after `cursor`.
pub(super) fn page(call: &Call, all: impl Iterator<Item = (String, Value)>) -> Result<Value, Problem> {
    let limit = limit(call, 100, 1000)?;
    let total_and_rest: Vec<(String, Value)> = all.collect();
    let total = total_and_rest.len();
    let mut rest = total_and_rest.into_iter().filter(|(name, _)| call.query("cursor").is_none_or(|cursor| name.as_str() > cursor));
    let data: Vec<(String, Value)> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(data.last().map(|(name, _)| name.clone()));
    Ok(json!({"data": data.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), "total": total, "next_cursor": next}))
}

pub(super) fn limit(call: &Call, default: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = call.query("limit") else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::bad("invalid_value", "limit", format!("a number from 1 to {most} is needed")))
}
