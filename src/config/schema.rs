//! The JSON Schema of the configuration file, made from `model`.

use serde_json::Value;

use super::model;

/// For editors: completion, descriptions and checks while typing. Draft 2020-12.
pub fn schema() -> Value {
    schemars::schema_for!(model::File).to_value()
}

/// Every key of the configuration that has a fixed name.
pub fn known_keys() -> Vec<String> {
    let mut keys = Vec::new();
    collect(&schema(), &mut keys);
    keys.sort();
    keys.dedup();
    keys
}

fn collect(schema: &Value, keys: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            fields.values().for_each(|value| collect(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        walk(&schema(), "");
    }

    #[test]
    fn known_keys_hold_nested_ones() {
        let keys = known_keys();
        for key in ["providers", "api_key", "consecutive_failures", "server_name", "weight"] {
            assert!(keys.iter().any(|known| known == key), "{key}");
        }
    }
}
