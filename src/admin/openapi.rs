//! The API's description, in OpenAPI 3.1: made from the table of routes, so that it names exactly what is there, but for the dashboard's
//! files.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use serde_json::{Map, Value, json};

use super::resources::Write;
use super::routes::{Action, ROUTES, Route};
use super::shape::MODEL_TYPES;
use crate::store::Kind;

/// Schemas that do not follow from the table.
const SCHEMAS: &str = include_str!("openapi/schemas.json");

/// What a route takes and gives.
struct About {
    summary: &'static str,
    tag: &'static str,
    query: &'static [(&'static str, &'static str)],
    /// The schema of the body, and whether it may be left out.
    body: Option<(String, bool)>,
    /// The schema of a good answer and its status; `None` is text.
    answer: Option<(String, &'static str)>,
    /// Statuses of problems beside those of every route.
    problems: &'static [&'static str],
}

const LIST: &[(&str, &str)] = &[("limit", "limit"), ("cursor", "text"), ("q", "text"), ("source", "source"), ("is_active", "flag")];
const DRY: &[(&str, &str)] = &[("dry_run", "flag")];
const CHOICE: &[(&str, &str)] = &[("provider", "required"), ("model", "text"), ("credential", "number")];
const FORCE: &[(&str, &str)] = &[("provider", "required"), ("model", "text"), ("credential", "number"), ("seconds", "number")];
const USAGE: &[(&str, &str)] = &[
    ("group_by", "text"),
    ("from", "text"),
    ("to", "text"),
    ("provider", "text"),
    ("model", "text"),
    ("client", "text"),
    ("limit", "limit"),
    ("format", "text"),
];
const AUDIT: &[(&str, &str)] = &[("limit", "limit"), ("before", "number"), ("after", "number"), ("format", "text")];

/// The document, as it is served and as it lies in `docs/openapi.json`.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES.iter().filter(|route| !matches!(route.action, Action::Root | Action::Asset)) {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    let mut schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or(Value::Null);
    schemas["Model"]["properties"]["model_type"] = json!({"type": "string", "enum": MODEL_TYPES});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "llm-sidecar admin API", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "http://127.0.0.1:4001"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of `admin.tokens`."}},
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route) -> Value {
    let about = about(route.action);
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    parameters.extend(about.query.iter().map(|(name, kind)| {
        let schema = match *kind {
            "limit" => json!({"type": "integer", "minimum": 1, "maximum": 1000}),
            "number" => json!({"type": "integer", "minimum": 0}),
            "flag" => json!({"type": "boolean"}),
            "source" => json!({"type": "string", "enum": ["file", "store", "built_in"]}),
            _ => json!({"type": "string"}),
        };
        json!({"name": name, "in": "query", "required": *kind == "required", "schema": schema})
    }));
    let mut responses = Map::new();
    let good = match &about.answer {
        Some((schema, status)) => {
            (*status, json!({"description": "Done.", "content": {"application/json": {"schema": reference(schema)}}}))
        }
        None => ("200", json!({"description": "Text."})),
    };
    responses.insert(good.0.to_owned(), good.1);
    if matches!(route.action, Action::Write(_, Write::Create | Write::Replace)) {
        let other = if good.0 == "201" { "200" } else { "201" };
        responses.insert(other.to_owned(), responses.get(good.0).cloned().unwrap_or(Value::Null));
    }
    let common: &[&str] = if route.needs.is_some() { &["400", "401", "403"] } else { &[] };
    for status in common.iter().chain(about.problems) {
        let problem = json!({"description": "Refused.", "content": {"application/problem+json": {"schema": reference("Problem")}}});
        responses.insert((*status).to_owned(), problem);
    }
    if route.action == Action::ConfigReload {
        responses.insert("422".into(), json!({"description": "Not valid; the previous one stays.", "content": {"application/json": {"schema": reference("ConfigStatus")}}}));
    }
    if route.action == Action::Ready {
        responses.insert("503".into(), json!({"description": "Draining."}));
    }
    let mut operation = json!({
        "operationId": format!("{} {}", route.method, route.path),
        "summary": about.summary,
        "tags": [about.tag],
        "parameters": parameters,
        "responses": responses,
    });
    if route.action == Action::Playground {
        operation["parameters"] = json!([{"name": "x-llm-client-key", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "A key of a client, needed where there are clients."}]);
        operation["responses"] = playground();
    }
    if let Some((schema, optional)) = &about.body {
        let kind = if matches!(route.action, Action::Write(_, Write::Patch)) { "application/merge-patch+json" } else { "application/json" };
        operation["requestBody"] = json!({"required": !optional, "content": {kind: {"schema": reference(schema)}}});
    }
    if let Some(needs) = route.needs {
        operation["security"] = json!([{"token": []}]);
        operation["x-permission"] = needs.as_str().into();
    }
    operation
}

/// The answers are those of chat completions, and each error of theirs may come, beside the admin API's own.
fn playground() -> Value {
    let object = json!({"schema": reference("Object")});
    json!({
        "200": {"description": "The completion.", "content": {"application/json": object, "text/event-stream": {"schema": {"type": "string"}}}},
        "default": {"description": "Refused, by the admin API or as a chat completion is.", "content": {
            "application/problem+json": {"schema": reference("Problem")}, "application/json": object,
        }},
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn about(action: Action) -> About {
    let name = |kind: Kind| match kind {
        Kind::Provider => ("Provider", "providers"),
        Kind::Model => ("Model", "models"),
        Kind::Client => ("Client", "clients"),
        Kind::Price => ("Price", "prices"),
        Kind::ExchangeRate => ("ExchangeRate", "prices"),
    };
    let plain = |summary, tag, answer: &str| About {
        summary,
        tag,
        query: &[],
        body: None,
        answer: Some((answer.to_owned(), "200")),
        problems: &[],
    };
    let text = |summary| About { summary, tag: "health", query: &[], body: None, answer: None, problems: &[] };
    match action {
        Action::Root | Action::Asset => text("The dashboard"),
        Action::Alive => text("Whether the process answers"),
        Action::Ready => text("Whether requests are taken"),
        Action::Metrics => text("Metrics for Prometheus"),
        Action::OpenApi => plain("This document", "config", "Object"),
        Action::LogLevel => plain("The log's level", "logs", "LogLevel"),
        Action::SetLogLevel => {
            About { body: Some(("SetLogLevel".into(), false)), problems: &["503"], ..plain("Sets the log's level", "logs", "LogLevel") }
        }
        Action::Config => plain("The configuration in effect, secrets masked", "config", "Config"),
        Action::ConfigStatus => plain("Whether what runs is what the sources say", "config", "ConfigStatus"),
        Action::ConfigValidate => plain("What a reload would change", "config", "Validation"),
        Action::ConfigReload => About { problems: &["503"], ..plain("Reads the files anew", "config", "ConfigStatus") },
        Action::Playground => About {
            body: Some(("ChatRequest".into(), false)),
            ..plain("A chat completion by way of the sidecar, whole or as a stream of events", "playground", "Object")
        },
        Action::Limits => plain("Every limit as it stands", "limits", "Limits"),
        Action::Breakers => plain("Every breaker that has seen a request", "breakers", "Breakers"),
        Action::BreakersForceOpen => About { query: FORCE, problems: &["503"], ..plain("Opens breakers by hand", "breakers", "Changed") },
        Action::BreakersReset => About { query: CHOICE, problems: &["503"], ..plain("Closes breakers by hand", "breakers", "Changed") },
        Action::List(kind) => {
            let (schema, tag) = name(kind);
            About { query: LIST, problems: &["503"], ..plain("Lists them, by name", tag, &format!("{schema}List")) }
        }
        Action::Get(kind) => {
            let (schema, tag) = name(kind);
            About { problems: &["404", "503"], ..plain("Shows one", tag, schema) }
        }
        Action::Write(kind, how) => write(name(kind), how),
        Action::TestProvider => About {
            body: Some(("TestWanted".into(), true)),
            problems: &["404", "415", "422", "503"],
            ..plain("Tests what it can do, by real requests", "providers", "TestResult")
        },
        Action::SyncModels => {
            About { problems: &["404", "409", "424", "503"], ..plain("Reads the vendor's list of models", "providers", "SyncResult") }
        }
        Action::IssueKey => About {
            answer: Some(("NewKey".into(), "201")),
            problems: &["404", "409", "503"],
            ..plain("Issues a key, which is shown once", "clients", "NewKey")
        },
        Action::RevokeKey => About { problems: &["404", "409", "503"], ..plain("Revokes a key", "clients", "Object") },
        Action::Usage => About { query: USAGE, problems: &["409", "503"], ..plain("What requests used, in sums", "usage", "Usage") },
        Action::RotateSecrets => About {
            query: DRY,
            problems: &["409", "422", "503"],
            ..plain("Seals the store's secrets with new keys", "secrets", "RotateResult")
        },
        Action::Audit => About { query: AUDIT, problems: &["409", "503"], ..plain("The audit trail", "audit", "Audit") },
    }
}

fn write((schema, tag): (&str, &'static str), how: Write) -> About {
    let (summary, status) = match how {
        Write::Create => ("Makes one", "201"),
        Write::Replace => ("Makes one, or puts it in the place of the one that is there", "200"),
        Write::Patch => ("Changes it (merge patch, RFC 7396)", "200"),
        Write::Delete => ("Deletes it", "200"),
    };
    let body = match how {
        Write::Create => Some((format!("New{schema}"), false)),
        Write::Replace => Some((format!("{schema}Body"), false)),
        Write::Patch => Some(("Object".to_owned(), false)),
        Write::Delete => None,
    };
    let answer = if how == Write::Delete { "Object".to_owned() } else { format!("{schema}OrDryRun") };
    About { summary, tag, query: DRY, body, answer: Some((answer, status)), problems: &["404", "409", "413", "415", "422", "503"] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE=1 cargo test openapi` writes it anew.
    #[test]
    fn the_document_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &made).unwrap();
        }
        assert!(std::fs::read_to_string(path).is_ok_and(|text| text == made), "run `UPDATE=1 cargo test --lib openapi`");
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["components"]["schemas"][reference].is_object(), "{reference}");
        }
    }
}
