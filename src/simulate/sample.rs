//! The smallest instance of a JSON Schema, for tool arguments and structured answers.

use serde_json::{Map, Value, json};

/// Schemas nested or referring to each other deeper than this end in `null`.
const DEPTH: usize = 32;

/// An instance of `schema`: required properties only, first alternatives, shortest lengths.
/// Patterns and uncommon formats are not honoured.
pub(super) fn sample(schema: &Value) -> Value {
    value(schema, schema, DEPTH)
}

fn value(schema: &Value, root: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| value(target, root, depth));
    }
    if let Some(only) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
        return only.clone();
    }
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(first) = schema.get(alternatives).and_then(|list| list.get(0)) {
            return value(first, root, depth);
        }
    }
    if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
        return merged(schema, all, root, depth);
    }
    match kind(schema) {
        "object" => object(schema, root, depth),
        "array" => {
            let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(64);
            let item = schema.get("items").unwrap_or(&Value::Null);
            (0..count).map(|_| value(item, root, depth)).collect()
        }
        "integer" | "number" => number(schema),
        "boolean" => Value::Bool(true),
        "null" => Value::Null,
        _ => string(schema),
    }
}

/// The schema's type; guessed from its keywords where it names none.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("string"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn object(schema: &Value, root: &Value, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut fields = Map::new();
    for name in required.iter().filter_map(Value::as_str) {
        let property = schema.get("properties").and_then(|properties| properties.get(name)).unwrap_or(&Value::Null);
        fields.insert(name.to_owned(), value(property, root, depth));
    }
    Value::Object(fields)
}

/// Objects are joined; otherwise the first part speaks for all.
fn merged(schema: &Value, all: &[Value], root: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    for part in all {
        match value(part, root, depth) {
            Value::Object(more) => fields.extend(more),
            other => return other,
        }
    }
    if let Value::Object(own) = object(schema, root, depth) {
        fields.extend(own);
    }
    Value::Object(fields)
}

fn number(schema: &Value) -> Value {
    let least = schema.get("minimum").cloned();
    let above = schema.get("exclusiveMinimum").and_then(Value::as_f64).map(|bound| json!(bound.floor() as i64 + 1));
    least.or(above).unwrap_or_else(|| json!(0))
}

fn string(schema: &Value) -> Value {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("time") => "00:00:00Z",
        Some("email") => "user@example.com",
        Some("uri") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        Some("ipv4") => "192.0.2.1",
        _ => "example",
    };
    let length = |key| schema.get(key).and_then(Value::as_u64).map(|n| usize::try_from(n.min(4096)).unwrap_or(4096));
    let mut text = text.to_owned();
    while text.len() < length("minLength").unwrap_or(0) {
        text.push('x');
    }
    // The texts above are ASCII, so every length is a character boundary.
    text.truncate(length("maxLength").unwrap_or(usize::MAX));
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_only_in_their_types() {
        let schema = json!({"type": "object", "required": ["city", "days", "unit", "tags", "at"], "properties": {
            "city": {"type": "string", "maxLength": 4}, "days": {"type": "integer", "minimum": 1}, "unit": {"enum": ["c", "f"]},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2}, "at": {"$ref": "#/$defs/at"}, "more": {"type": "string"},
        }, "$defs": {"at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}}});
        assert_eq!(sample(&schema), json!({"city": "exam", "days": 1, "unit": "c", "tags": [true, true], "at": "2026-01-01"}));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}});
        assert!(sample(&schema).is_object());
        assert_eq!(sample(&json!({"$ref": "#/nowhere"})), Value::Null);
    }

    #[test]
    fn parts_of_all_of_are_joined() {
        let schema = json!({"allOf": [{"required": ["a"], "properties": {"a": {"type": "number", "exclusiveMinimum": 1.5}}}],
            "required": ["b"], "properties": {"b": {"type": ["string", "null"], "minLength": 9}}});
        assert_eq!(sample(&schema), json!({"a": 2, "b": "examplexx"}));
    }
}
