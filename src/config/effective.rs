//! The configuration as it is in effect, for people to look at: all files together, references resolved, secrets masked.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::findings::SourceText;
use super::node::{Node, Position, Scalar, Value};
use crate::seal::is_sealed;

/// What stands for a secret.
pub const MASKED: &str = "***";

/// Keys whose values are never shown.
const SECRET: &[&str] =
    &["api_key", "api_keys", "key", "token", "password", "secret", "secret_access_key", "session_token", "client_secret", "key_sha256"];
/// Mappings of which only the keys are shown.
const SECRET_MAPS: &[&str] = &["headers", "kek", "old"];
/// Of what came from the environment or a file of its own, only these are shown.
const OPEN: &[&str] = &[
    "type",
    "base_url",
    "region",
    "location",
    "organization",
    "project",
    "api_version",
    "listen",
    "level",
    "model",
    "provider",
    "name",
    "path",
];

/// A configuration to be shown.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    /// JSON, in the form of the file.
    pub document: String,
    /// Where each provider, model, client, price and exchange rate is declared, as `file:line:column`, by names like `providers.openai`.
    pub places: BTreeMap<String, String>,
}

/// `show` takes known secrets out of a text.
pub fn effective(root: &Node, sources: &[SourceText], show: &dyn Fn(&str) -> String) -> Effective {
    let mut places = BTreeMap::new();
    let place = |at: Position| {
        let file = sources.get(at.file).map(|source| source.path.display().to_string()).unwrap_or_default();
        format!("{file}:{}:{}", at.line, at.column)
    };
    for entry in root.entries() {
        match (entry.key.as_str(), &entry.value.value) {
            ("providers" | "models", Value::Map(named)) => {
                for item in named {
                    places.insert(format!("{}.{}", entry.key, item.key), place(item.at));
                }
            }
            ("prices", Value::Map(_)) => {
                let below = |key: &str| entry.value.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value);
                for item in below("overrides").map(Node::entries).unwrap_or_default() {
                    places.insert(format!("prices.overrides.{}", item.key), place(item.at));
                }
                if let Some(Value::List(items)) = below("exchange").map(|list| &list.value) {
                    for item in items {
                        let of = |key| text_of(item, key);
                        if let (Some(from), Some(to)) = (of("from"), of("to")) {
                            places.insert(format!("prices.exchange.{}", exchange_name(from, to, of("since"))), place(item.at));
                        }
                    }
                }
            }
            ("clients", Value::List(items)) => {
                for item in items {
                    if let Some(name) = text_of(item, "name") {
                        places.insert(format!("clients.{name}"), place(item.at));
                    }
                }
            }
            _ => {}
        }
    }
    Effective { document: json(root, "", show).to_string(), places }
}

/// What an exchange rate is called: `USD-CNY`, and `USD-CNY@2026-01-31` for one that holds from a day on.
pub fn exchange_name(from: &str, to: &str, since: Option<&str>) -> String {
    let since = since.map(|day| format!("@{day}")).unwrap_or_default();
    format!("{from}-{to}{since}")
}

fn text_of<'a>(item: &'a Node, key: &str) -> Option<&'a str> {
    let named = item.entries().iter().find(|entry| entry.key == key)?;
    if let Value::Scalar(scalar) = &named.value.value { Some(&scalar.text) } else { None }
}

fn json(node: &Node, key: &str, show: &dyn Fn(&str) -> String) -> Json {
    match &node.value {
        Value::Scalar(scalar) => self::scalar(scalar, key, show),
        Value::List(items) => items.iter().map(|item| json(item, key, show)).collect(),
        Value::Map(entries) => {
            let below = |name: &str| if SECRET_MAPS.contains(&key) { "api_key".to_owned() } else { name.to_owned() };
            Json::Object(
                entries.iter().map(|entry| (entry.key.clone(), json(&entry.value, &below(&entry.key), show))).collect::<Map<_, _>>(),
            )
        }
        Value::Broken => Json::Null,
    }
}

fn scalar(scalar: &Scalar, key: &str, show: &dyn Fn(&str) -> String) -> Json {
    if scalar.is_null() {
        return Json::Null;
    }
    if SECRET.contains(&key) || is_sealed(&scalar.text) || (scalar.resolved && !OPEN.contains(&key)) {
        return MASKED.into();
    }
    if !scalar.quoted {
        match scalar.text.as_str() {
            "true" => return true.into(),
            "false" => return false.into(),
            text if text.parse::<serde_json::Number>().is_ok_and(|number| number.to_string() == text) => {
                return serde_json::from_str(text).unwrap_or(Json::Null);
            }
            _ => {}
        }
    }
    show(&scalar.text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;

    #[test]
    fn secrets_are_masked_and_places_told() {
        let text = "providers:\n  a: {type: openai, api_key: canary, headers: {x-key: canary, b: canary}, limit: {x: 5, on: true}}\nclients:\n- {name: t, key: canary}\nodd: enc:v1:canary\n";
        let mut faults = Vec::new();
        let root = parse(text, 0, &mut faults).unwrap();
        let sources = [SourceText { path: "c.yaml".into(), text: text.into() }];
        let found = effective(&root, &sources, &|text| text.replace("openai", "o"));
        assert!(!found.document.contains("canary"), "{}", found.document);
        let shown: Json = serde_json::from_str(&found.document).unwrap();
        assert_eq!(shown["providers"]["a"]["headers"]["b"], MASKED);
        assert_eq!((&shown["providers"]["a"]["limit"]["x"], &shown["providers"]["a"]["limit"]["on"]), (&5.into(), &true.into()));
        assert_eq!(shown["providers"]["a"]["type"], "o");
        assert_eq!(found.places["providers.a"], "c.yaml:2:3");
        assert_eq!(found.places["clients.t"], "c.yaml:4:3");
    }
}
