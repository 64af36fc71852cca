//! The subset of JSON Schema that Anthropic's structured output and strict tools take.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Keywords outside the subset: limits on numbers, strings and arrays, and ways of combining schemas.
const UNSUPPORTED: [&str; 22] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "contains",
    "prefixItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "oneOf",
    "not",
    "if",
    "unevaluatedProperties",
];

/// The schema with every object closed (the vendor insists), or `None` where it says what the subset cannot.
pub(in crate::dialect) fn in_subset(schema: &str) -> Option<Value> {
    let mut schema: Value = serde_json::from_str(schema).ok()?;
    if !schema.is_object() || recursive(&schema) || !close(&mut schema) {
        return None;
    }
    Some(schema)
}

/// Closes every object in a schema; false where something is outside the subset.
fn close(schema: &mut Value) -> bool {
    let Value::Object(fields) = schema else { return !matches!(schema, Value::Bool(_)) };
    if UNSUPPORTED.iter().any(|key| fields.contains_key(*key)) || fields.get("minItems").is_some_and(|n| n.as_u64() > Some(1)) {
        return false;
    }
    let is_object = fields.contains_key("properties") || has_type(fields, "object");
    if is_object && *fields.entry("additionalProperties").or_insert(Value::Bool(false)) != Value::Bool(false) {
        return false;
    }
    let named = ["properties", "$defs", "definitions"];
    let listed = ["anyOf", "allOf"];
    fields.iter_mut().all(|(key, value)| match value {
        Value::Object(schemas) if named.contains(&key.as_str()) => schemas.values_mut().all(close),
        Value::Array(schemas) if listed.contains(&key.as_str()) => schemas.iter_mut().all(close),
        value if key == "items" => close(value),
        _ => true,
    })
}

fn has_type(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get("type") {
        Some(Value::String(word)) => word == name,
        Some(Value::Array(words)) => words.iter().any(|word| word == name),
        _ => false,
    }
}

/// Whether a reference leads back into itself, or out of the schema.
fn recursive(root: &Value) -> bool {
    fn walk<'a>(root: &'a Value, at: &'a Value, path: &mut Vec<&'a str>, done: &mut HashSet<&'a str>) -> bool {
        match at {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else { return true };
                    if path.contains(&reference.as_str()) || reference == "#" {
                        return true;
                    }
                    if done.insert(reference) {
                        path.push(reference);
                        let found = walk(root, target, path, done);
                        path.pop();
                        if found {
                            return true;
                        }
                    }
                }
                fields.values().any(|value| walk(root, value, path, done))
            }
            Value::Array(items) => items.iter().any(|item| walk(root, item, path, done)),
            _ => false,
        }
    }
    walk(root, root, &mut Vec::new(), &mut HashSet::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_at_every_level() {
        let schema = r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"type":"array","items":{"type":"object","properties":{}}}},
            "$defs":{"A":{"type":["object","null"],"properties":{"minimum":{"type":"integer"}}}}}"##;
        let closed = in_subset(schema).unwrap();
        for at in ["", "/properties/b/items", "/$defs/A"] {
            assert_eq!(closed.pointer(&format!("{at}/additionalProperties")), Some(&Value::Bool(false)), "{at}");
        }
    }

    #[test]
    fn what_the_subset_cannot_say_is_found() {
        for schema in [
            r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}"#,
            r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
            r#"{"type":"object","properties":{"a":{"anyOf":[{"type":"string","pattern":"x"}]}}}"#,
            r##"{"$defs":{"N":{"type":"object","properties":{"next":{"$ref":"#/$defs/N"}}}},"$ref":"#/$defs/N"}"##,
            r##"{"type":"object","properties":{"self":{"$ref":"#"}}}"##,
            r#"{"type":"object","properties":{"a":{"$ref":"https://elsewhere"}}}"#,
            r#"{"type":"object","properties":{"a":{"type":"array","minItems":2}}}"#,
            "true",
        ] {
            assert_eq!(in_subset(schema), None, "{schema}");
        }
    }

    #[test]
    fn a_reference_used_twice_is_not_recursive() {
        let schema =
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"string"}}}"##;
        assert!(in_subset(schema).is_some());
    }
}
