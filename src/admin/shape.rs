//! The JSON form of what the API makes, and which of it is taken.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::Problem;
use crate::store::Kind;

/// What a record of a kind may hold.
pub(super) struct Shape {
    pub kind: Kind,
    /// Beside `name`, `config`, `is_active` and `status`, which is not taken but may be sent back.
    fields: &'static [&'static str],
    /// Of `config`. Files of this machine and its identities cannot be named through the API.
    config: &'static [&'static str],
}

const PROVIDER: Shape = Shape {
    kind: Kind::Provider,
    fields: &["provider_type"],
    config: &[
        "api",
        "api_key",
        "api_keys",
        "api_version",
        "auth",
        "auth_header",
        "base_url",
        "breaker",
        "deployments",
        "headers",
        "limit",
        "location",
        "model_limits",
        "models",
        "organization",
        "project",
        "quirks",
        "region",
        "retry",
        "timeout",
    ],
};

const MODEL: Shape = Shape {
    kind: Kind::Model,
    fields: &["model_type", "parameters"],
    config: &["cache", "degraded", "fallback", "hedge", "mirror", "sticky", "strategy", "targets"],
};

const CLIENT: Shape = Shape { kind: Kind::Client, fields: &[], config: &["budget", "limit", "models"] };

const PRICE: Shape = Shape {
    kind: Kind::Price,
    fields: &[],
    config: &[
        "above",
        "audio_input",
        "audio_output",
        "cache_read",
        "cache_write",
        "cache_write_1h",
        "currency",
        "image_input",
        "image_output",
        "input",
        "output",
        "per",
        "reasoning",
        "request",
        "tiers",
    ],
};

const EXCHANGE_RATE: Shape = Shape { kind: Kind::ExchangeRate, fields: &[], config: &["rate"] };

/// Fields by which somebody might hope to become more than he is.
const RIGHTS: [&str; 8] = ["role", "roles", "permission", "permissions", "scope", "scopes", "is_admin", "admin"];

/// What a model is for. Tells people; requests are not judged by it.
pub(super) const MODEL_TYPES: [&str; 8] = ["chat", "completion", "embedding", "rerank", "moderation", "image", "audio", "other"];

pub(super) fn shape(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Provider => &PROVIDER,
        Kind::Model => &MODEL,
        Kind::Client => &CLIENT,
        Kind::Price => &PRICE,
        Kind::ExchangeRate => &EXCHANGE_RATE,
    }
}

/// The first letter to last: what a name in the API is, as in the file.
pub(super) fn check_name(kind: Kind, name: &str) -> Result<(), Problem> {
    let (is_right, rule) = match kind {
        Kind::Provider | Kind::Model | Kind::Client => (is_word(name), "a name has letters, digits, `-`, `_` and `.`, at most 128 of them"),
        Kind::Price => (
            (3..=384).contains(&name.len())
                && !name.chars().any(char::is_control)
                && name.split_once('/').is_some_and(|(provider, model)| is_word(provider) && !model.is_empty()),
            "a price's name is `provider/model`, or `provider/*` for all models of a provider, and is escaped in a path (`%2F`)",
        ),
        Kind::ExchangeRate => {
            (is_pair(name), "an exchange rate's name is `USD-CNY`, or `USD-CNY@2026-01-31` for one that holds from a day on")
        }
    };
    if is_right { Ok(()) } else { Err(Problem::bad("invalid_value", "name", rule)) }
}

fn is_word(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_pair(name: &str) -> bool {
    let (pair, since) = name.split_once('@').map_or((name, None), |(pair, since)| (pair, Some(since)));
    let currency = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    pair.split_once('-').is_some_and(|(from, to)| currency(from) && currency(to))
        && since.is_none_or(|since| since.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == since))
}

impl Shape {
    /// The record's body in its full form, or what is wrong with the form of `given`. `keys` are a client's.
    pub(super) fn body(&self, given: &Map<String, Value>, keys: Option<&Value>) -> Result<Value, Problem> {
        if let Some(right) = given.keys().find(|field| RIGHTS.contains(&field.as_str())) {
            let detail = "who may do what is said by the configuration's file alone; nobody is given rights through the API";
            return Err(Problem::new(StatusCode::FORBIDDEN, "rights_not_given", detail).at(right.clone()));
        }
        for field in given.keys() {
            let common = ["name", "config", "is_active", "status"];
            if !common.contains(&field.as_str()) && !self.fields.contains(&field.as_str()) {
                let known: Vec<&str> = common.iter().chain(self.fields).copied().filter(|known| *known != "status").collect();
                return Err(Problem::bad(
                    "unknown_parameter",
                    field.clone(),
                    format!("`{field}` is not known; there are: {}", known.join(", ")),
                ));
            }
        }
        let config = match given.get("config") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(config)) => config.clone(),
            Some(_) => return Err(wrong_type("config", "an object")),
        };
        if let Some(key) = config.keys().find(|key| !self.config.contains(&key.as_str())) {
            let detail = format!("`{key}` is not known or cannot be set through the API; there are: {}", self.config.join(", "));
            return Err(Problem::bad("unknown_parameter", format!("config.{key}"), detail));
        }
        // What is null is as good as absent, and an idempotent write must find it so.
        let config: Map<String, Value> = config.into_iter().filter(|(_, value)| !value.is_null()).collect();
        let is_active = match given.get("is_active") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(active)) => *active,
            Some(_) => return Err(wrong_type("is_active", "true or false")),
        };
        let mut body = json!({"config": config, "is_active": is_active});
        match self.kind {
            Kind::Provider => body["provider_type"] = text(given, "provider_type")?.into(),
            Kind::Model => {
                let kind = if given.contains_key("model_type") { text(given, "model_type")? } else { MODEL_TYPES[0].to_owned() };
                if !MODEL_TYPES.contains(&kind.as_str()) {
                    return Err(Problem::bad("invalid_value", "model_type", format!("one of {}", MODEL_TYPES.join(", "))));
                }
                body["model_type"] = kind.into();
                body["parameters"] = match given.get("parameters") {
                    None | Some(Value::Null) => json!({}),
                    Some(Value::Object(parameters)) => parameters.clone().into(),
                    Some(_) => return Err(wrong_type("parameters", "an object")),
                };
            }
            Kind::Client => body["keys"] = keys.cloned().unwrap_or_else(|| json!([])),
            Kind::Price | Kind::ExchangeRate => {}
        }
        Ok(body)
    }
}

fn text(given: &Map<String, Value>, field: &str) -> Result<String, Problem> {
    match given.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null) => Err(Problem::bad("missing_required_parameter", field, format!("`{field}` is missing"))),
        Some(_) => Err(wrong_type(field, "a text")),
    }
}

fn wrong_type(field: &str, wanted: &str) -> Problem {
    Problem::bad("invalid_type", field, format!("`{field}` has to be {wanted}"))
}

/// A merge patch (RFC 7396): what is null is taken out, objects are merged, everything else is replaced.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: Kind, given: Value) -> Result<Value, (u16, &'static str, Option<String>)> {
        let given = given.as_object().cloned().unwrap();
        shape(kind).body(&given, None).map_err(|problem| (problem.status.as_u16(), problem.code, problem.param))
    }

    #[test]
    fn what_is_not_known_is_named() {
        let refused = |given: Value| body(Kind::Provider, given).unwrap_err();
        assert_eq!(refused(json!({"provider_type": "openai", "role": "admin"})), (403, "rights_not_given", Some("role".into())));
        assert_eq!(refused(json!({"provider_type": "openai", "rank": 1})), (400, "unknown_parameter", Some("rank".into())));
        let tls = json!({"provider_type": "openai", "config": {"tls": {"ca": "/etc/shadow"}}});
        assert_eq!(refused(tls), (400, "unknown_parameter", Some("config.tls".into())));
        assert_eq!(refused(json!({})), (400, "missing_required_parameter", Some("provider_type".into())));
        assert_eq!(refused(json!({"provider_type": 5})), (400, "invalid_type", Some("provider_type".into())));
        assert_eq!(body(Kind::Model, json!({"model_type": "x"})).unwrap_err(), (400, "invalid_value", Some("model_type".into())));
        let full = json!({"config": {}, "is_active": true, "model_type": "chat", "parameters": {}});
        assert_eq!(body(Kind::Model, json!({"status": {"source": "store"}, "config": {"cache": null}})).unwrap(), full);
    }

    #[test]
    fn names_are_of_their_kinds_form() {
        for (kind, name, expected) in [
            (Kind::Provider, "a.b-c_1", true),
            (Kind::Provider, "a/b", false),
            (Kind::Price, "openai/gpt-4o", true),
            (Kind::Price, "openrouter/vendor/model:free", true),
            (Kind::Price, "openai/*", true),
            (Kind::Price, "openai", false),
            (Kind::Price, "openai/", false),
            (Kind::ExchangeRate, "USD-CNY", true),
            (Kind::ExchangeRate, "USD-CNY@2026-01-31", true),
            (Kind::ExchangeRate, "USD-CNY@2026-1-31", false),
            (Kind::ExchangeRate, "usd-cny", false),
            (Kind::ExchangeRate, "USD", false),
        ] {
            assert_eq!(check_name(kind, name).is_ok(), expected, "{kind:?} {name}");
        }
    }

    #[test]
    fn a_merge_patch_adds_replaces_and_takes_out() {
        let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        merge(&mut target, &json!({"a": null, "b": {"c": null, "x": {"y": 1}}, "e": [2]}));
        assert_eq!(target, json!({"b": {"d": 3, "x": {"y": 1}}, "e": [2]}));
    }
}
