//! Providers, models, clients, prices and exchange rates: list, show, create, replace, patch, delete. What the files declare is shown and cannot be changed.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use std::collections::BTreeSet;
use std::sync::Arc;

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderName, StatusCode};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::diff::diff;
use super::serve::Admin;
use super::shape::{self, check_name, shape};
use super::{built_in_prices, refused, rules, view};
use crate::control::{Author, Control, NewKey, Plan, Refusal, State, is_active, keep_secrets};
use crate::store::{Change, Kind, Record};
use crate::vendor::SEGMENT;

/// What a request does to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Replace,
    Patch,
    Delete,
}

/// Below which path they are found.
pub(super) fn root(kind: Kind) -> &'static str {
    match kind {
        Kind::Provider => "/api/v1/llm/providers",
        Kind::Model => "/api/v1/llm/models",
        Kind::Client => "/api/v1/clients",
        Kind::Price => "/api/v1/llm/prices",
        Kind::ExchangeRate => "/api/v1/llm/exchange-rates",
    }
}

/// Does something that blocks.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    let failed = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the request could not be processed");
    tokio::task::spawn_blocking(work).await.map_err(|_| failed())?
}

/// The control plane, or why there is none.
pub(super) fn control(admin: &Admin) -> Result<Arc<Control>, Problem> {
    let detail = "nothing can be kept: name a `store` in the configuration file, such as `store: {type: sqlite}`";
    admin.control.clone().ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no_store", detail))
}

/// Everything of a kind, from both sources, by name.
pub(super) fn all(admin: &Admin, kind: Kind) -> Result<Vec<(String, view::Shown)>, Problem> {
    let state = admin.control.as_ref().map(|control| control.state()).transpose().map_err(|error| refused::store(&error))?;
    let records = state.map(|state| state.records).unwrap_or_default();
    let records: Vec<Record> = records.into_iter().filter(|record| record.kind == kind).collect();
    let snapshot = admin.runtime.snapshot();
    let in_store = |name: &str| records.iter().any(|record| record.name == name);
    let mut all: Vec<(String, view::Shown)> = view::declared(&snapshot.config, kind, &in_store).into_iter().collect();
    all.extend(records.iter().map(|record| (record.name.clone(), view::record(record))));
    if kind == Kind::Price {
        let known: BTreeSet<String> = all.iter().map(|(name, _)| name.clone()).collect();
        all.extend(built_in_prices::all(&snapshot).into_iter().filter(|(name, _)| !known.contains(name)));
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(all)
}

pub(super) fn list(admin: &Admin, call: &Call, kind: Kind) -> Result<Answer, Problem> {
    let kind_key = match kind {
        Kind::Provider => "provider_type",
        Kind::Model => "model_type",
        Kind::Client | Kind::Price | Kind::ExchangeRate => "name",
    };
    call.only(&["limit", "cursor", "q", "source", "is_active", kind_key])?;
    let active = call.query("is_active").map(|_| call.flag("is_active")).transpose()?;
    let source = call.query("source");
    if source.is_some_and(|source| !matches!(source, "file" | "store" | "built_in")) {
        return Err(Problem::bad("invalid_value", "source", "`source` is `file`, `store` or, of prices, `built_in`"));
    }
    let fits = |name: &str, body: &Value| {
        call.query("q").is_none_or(|part| name.contains(part))
            && source.is_none_or(|source| body["status"]["source"] == source)
            && active.is_none_or(|active| body["is_active"] == active)
            && call.query(kind_key).is_none_or(|wanted| body[kind_key] == wanted)
    };
    let found = all(admin, kind)?.into_iter().map(|(name, shown)| (name, shown.body)).filter(|(name, body)| fits(name, body));
    view::page(call, super::observed::beside(admin, kind, found.collect())?.into_iter()).map(|page| answer::ok(&page))
}

pub(super) fn get(admin: &Admin, call: &Call, kind: Kind) -> Result<Answer, Problem> {
    call.only(&[])?;
    let found = all(admin, kind)?.into_iter().find(|(name, _)| name == call.name());
    let (name, shown) = found.ok_or_else(|| missing(kind, call.name()))?;
    let tag = shown.tag;
    let body = super::observed::beside(admin, kind, vec![(name, shown.body)])?.into_iter().next().map(|(_, body)| body);
    Ok(answer::with(answer::ok(&body.unwrap_or(Value::Null)), ETAG, &tag))
}

pub(super) fn missing(kind: Kind, name: &str) -> Problem {
    Problem::missing(format!("there is no {} `{name}`", kind.as_str()))
}

/// What a write has come to.
struct Outcome {
    /// `None` if it is gone.
    body: Option<Value>,
    diff: Value,
    is_new: bool,
    is_changed: bool,
    key: Option<NewKey>,
}

/// Creates, replaces, patches or deletes. Blocks.
pub(super) fn write(admin: &Admin, call: &Call, kind: Kind, write: Write) -> Result<Answer, Problem> {
    call.only(&["dry_run"])?;
    let dry = call.flag("dry_run")?;
    let given = if write == Write::Delete { Value::Null } else { Value::Object(call.object()?) };
    let name = name(call, &given, kind, write)?;
    declared_nowhere(admin, kind, &name)?;
    let control = control(admin)?;
    let author = author(call);
    let plan = |state: &State| plan(&control, state, call, kind, write, &name, &given);
    let done = control.change(&author, dry, plan).map_err(|refusal: Refusal<Problem>| refused::problem(refusal, kind, &name))?;
    let Outcome { body, diff, is_new, is_changed, key } = done.outcome;
    if dry {
        return Ok(answer::ok(&json!({"dry_run": true, "is_changed": is_changed, "diff": diff, "result": body})));
    }
    let Some(mut body) = body else { return Ok(answer::json(StatusCode::OK, &json!({"deleted": name}))) };
    if let Some(key) = key {
        body["key"] = key.key.expose().into();
    }
    let state = control.state().map_err(|error| refused::store(&error))?;
    let tag = state.find(kind, &name).map(|record| view::record(record).tag).unwrap_or_default();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = answer::with(answer::json(status, &body), ETAG, &tag);
    Ok(if is_new { answer::with(answer, LOCATION, &format!("{}/{}", root(kind), utf8_percent_encode(&name, SEGMENT))) } else { answer })
}

pub(super) fn author(call: &Call) -> Author {
    Author { name: call.who().to_owned(), address: call.address.to_string(), request_id: call.request_id.clone() }
}

/// The name in the path, or that in the body of a creation. If both are there they must be the same.
fn name(call: &Call, given: &Value, kind: Kind, write: Write) -> Result<String, Problem> {
    let named = match given.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return Err(Problem::bad("invalid_type", "name", "`name` has to be a text")),
    };
    let name = match (write, named) {
        (Write::Create, None) => return Err(Problem::bad("missing_required_parameter", "name", "`name` is missing")),
        (Write::Create, Some(name)) => name,
        (_, Some(name)) if name != call.name() => {
            return Err(Problem::bad("invalid_value", "name", "a name cannot be changed: make a new one and delete this"));
        }
        (_, _) => call.name(),
    };
    check_name(kind, name)?;
    Ok(name.to_owned())
}

/// What the files declare is read-only.
pub(super) fn declared_nowhere(admin: &Admin, kind: Kind, name: &str) -> Result<(), Problem> {
    let snapshot = admin.runtime.snapshot();
    match snapshot.config.effective.places.get(&format!("{}.{name}", kind.section())) {
        Some(place) if !place.starts_with(crate::config::STORE) => {
            let detail = format!("`{name}` is declared at {place}; change it there");
            Err(Problem::new(StatusCode::CONFLICT, "declared_in_file", detail).at("name"))
        }
        _ => Ok(()),
    }
}

fn plan(
    control: &Control,
    state: &State,
    call: &Call,
    kind: Kind,
    write: Write,
    name: &str,
    given: &Value,
) -> Result<Plan<Outcome>, Problem> {
    let record = state.find(kind, name);
    conditions(call, write, record)?;
    let before: Option<Value> = record.and_then(|record| serde_json::from_str(&record.body).ok());
    match (write, &record) {
        (Write::Create, Some(_)) => {
            return Err(Problem::new(StatusCode::CONFLICT, "exists", format!("there is a {} `{name}` already", kind.as_str())).at("name"));
        }
        (Write::Patch | Write::Delete, None) => return Err(missing(kind, name)),
        _ => {}
    }
    let shown_before = before.as_ref().map(|body| view::stored(kind, name, body));
    let mut plan = Plan {
        changes: Vec::new(),
        rehearsal: Vec::new(),
        act: format!("{}.{}", kind.as_str(), if record.is_none() { "create" } else { "update" }),
        target: name.to_owned(),
        before: shown_before.as_ref().map(Value::to_string).unwrap_or_default(),
        after: String::new(),
        outcome: Outcome { body: None, diff: json!([]), is_new: record.is_none(), is_changed: true, key: None },
    };
    if write == Write::Delete {
        plan.act = format!("{}.delete", kind.as_str());
        plan.changes = vec![Change::Delete { kind, name: name.to_owned() }];
        plan.outcome.diff = json!([{"op": "remove", "path": "", "before": shown_before}]);
        return Ok(plan);
    }
    let mut body = body(kind, write, given, before.as_ref())?;
    let old_config = before.as_ref().and_then(|body| body.get("config")).and_then(Value::as_object);
    if let Some(config) = body.get_mut("config").and_then(Value::as_object_mut) {
        keep_secrets(kind, name, config, old_config, &|| control.sealer()).map_err(refused::seal)?;
    }
    if kind == Kind::Provider {
        rules::provider(&body, before.as_ref(), &control.runtime.snapshot().config.admin.allow_urls)?;
    }
    if kind == Kind::Client && record.is_none() {
        let key = NewKey::make().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error))?;
        body["keys"] = json!([key.record(now())]);
        plan.outcome.key = Some(key);
    }
    let shown = view::stored(kind, name, &body);
    plan.after = shown.to_string();
    plan.outcome.diff = diff(shown_before.as_ref().unwrap_or(&Value::Null), &shown);
    plan.outcome.body = Some(shown);
    if before.as_ref() == Some(&body) {
        plan.outcome.is_changed = false;
        return Ok(plan);
    }
    if !is_active(&body) {
        // What is wrong with it shall be told now, not when it is switched on.
        let mut active = body.clone();
        active["is_active"] = true.into();
        plan.rehearsal = vec![Change::Put { kind, name: name.to_owned(), body: active.to_string() }];
    }
    plan.changes = vec![Change::Put { kind, name: name.to_owned(), body: body.to_string() }];
    Ok(plan)
}

fn body(kind: Kind, write: Write, given: &Value, before: Option<&Value>) -> Result<Value, Problem> {
    let keys = before.and_then(|body| body.get("keys"));
    let mut whole = match (write, before) {
        (Write::Patch, Some(before)) => before.clone(),
        _ => json!({}),
    };
    if let Some(whole) = whole.as_object_mut() {
        whole.shift_remove("keys");
    }
    shape::merge(&mut whole, given);
    shape(kind).body(whole.as_object().unwrap_or(&serde_json::Map::new()), keys)
}

/// `If-Match` and `If-None-Match`.
fn conditions(call: &Call, write: Write, record: Option<&Record>) -> Result<(), Problem> {
    let tags = |name: HeaderName| -> Option<Vec<String>> {
        let value = call.headers.get(name)?.to_str().ok()?;
        Some(value.split(',').map(|tag| tag.trim().trim_start_matches("W/").to_owned()).collect())
    };
    let current = record.map(|record| view::record(record).tag);
    let is_current = |tags: &[String]| tags.iter().any(|tag| Some(tag) == current.as_ref() || (tag == "*" && current.is_some()));
    let changed = |detail: &str| Err(Problem::new(StatusCode::CONFLICT, "config_changed", detail));
    if tags(IF_MATCH).is_some_and(|tags| !is_current(&tags)) && write != Write::Create {
        return changed("it was changed since it was read (`If-Match`); read it again");
    }
    if tags(IF_NONE_MATCH).is_some_and(|tags| is_current(&tags)) {
        return changed("it is there already (`If-None-Match`)");
    }
    Ok(())
}

pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
