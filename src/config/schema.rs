//! The JSON Schema of the configuration file and the names of its keys. Both are made from `model` by a test and lie beside this file:
//! the program holds a text instead of the half megabyte of code that makes it.

/// For editors: completion, descriptions and checks while typing. Draft 2020-12.
pub const SCHEMA: &str = include_str!("schema.json");

/// Every key of the configuration that has a fixed name.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    include_str!("keys.txt").lines()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use serde_json::Value;

    use super::*;
    use crate::config::model;

    fn made() -> Value {
        schemars::schema_for!(model::File).to_value()
    }

    /// `UPDATE=1 cargo test --lib schema` writes both files anew.
    #[test]
    fn the_schema_and_the_keys_are_those_of_the_model() {
        let schema = made();
        let mut names = BTreeSet::new();
        collect(&schema, &mut names);
        let keys = names.into_iter().fold(String::new(), |mut text, name| {
            writeln!(text, "{name}").unwrap();
            text
        });
        for (name, is, wanted) in [("schema.json", SCHEMA, format!("{schema:#}\n")), ("keys.txt", include_str!("keys.txt"), keys)] {
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(format!("{}/src/config/{name}", env!("CARGO_MANIFEST_DIR")), &wanted).unwrap();
            } else {
                assert!(is == wanted, "{name}: run `UPDATE=1 cargo test --lib schema`");
            }
        }
    }

    fn collect<'a>(schema: &'a Value, keys: &mut BTreeSet<&'a str>) {
        match schema {
            Value::Object(fields) => {
                if let Some(Value::Object(properties)) = fields.get("properties") {
                    keys.extend(properties.keys().map(String::as_str));
                }
                fields.values().for_each(|value| collect(value, keys));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described_and_no_other_allowed() {
        fn walk(schema: &Value, path: &str) {
            let Value::Object(fields) = schema else { return };
            if let Some(Value::Object(properties)) = fields.get("properties") {
                assert_eq!(fields.get("additionalProperties"), Some(&Value::Bool(false)), "{path} admits unknown keys");
                for (key, property) in properties {
                    assert!(property.get("description").is_some(), "{path}.{key} has no description");
                }
            }
            for (key, value) in fields {
                walk(value, &format!("{path}/{key}"));
            }
        }
        walk(&made(), "");
    }

    #[test]
    fn known_keys_hold_nested_ones() {
        for key in ["providers", "api_key", "consecutive_failures", "server_name", "weight"] {
            assert!(known_keys().any(|known| known == key), "{key}");
        }
    }
}
