//! JSON Schema as Gemini takes it, and Gemini's own schemas as JSON Schema.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::base::raw::to_raw;

/// The keywords of the subset.
const KNOWN: [&str; 20] = [
    "$anchor",
    "$defs",
    "$id",
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "oneOf",
    "prefixItems",
    "properties",
    "propertyOrdering",
    "required",
    "title",
];

/// The schema in the subset: untouched where it is in it already, else with the same meaning as far as that can be said, and
/// without what it cannot say (patterns, lengths and their like, which the vendor would refuse or not look at).
pub(super) fn in_subset(schema: &RawValue) -> Box<RawValue> {
    let Ok(mut value) = serde_json::from_str::<Value>(schema.get()) else { return schema.to_owned() };
    if narrow(&mut value) { to_raw(&value) } else { schema.to_owned() }
}

/// Narrows a schema to the subset; says whether anything changed.
fn narrow(schema: &mut Value) -> bool {
    let Value::Object(fields) = schema else { return false };
    let mut changed = false;
    if let Some(Value::Array(parts)) = fields.shift_remove("allOf") {
        parts.into_iter().for_each(|part| merge(fields, part));
        changed = true;
    }
    if let Some(only) = fields.shift_remove("const") {
        fields.insert("enum".into(), json!([only]));
        changed = true;
    }
    if let Some(definitions) = fields.shift_remove("definitions") {
        fields.entry("$defs").or_insert(definitions);
        changed = true;
    }
    if let Some(Value::String(reference)) = fields.get_mut("$ref")
        && let Some(name) = reference.strip_prefix("#/definitions/")
    {
        *reference = format!("#/$defs/{name}");
        changed = true;
    }
    let before = fields.len();
    fields.retain(|key, _| key == "type" || KNOWN.contains(&key.as_str()));
    changed |= fields.len() != before;
    for (key, value) in fields.iter_mut() {
        changed |= match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => schemas.values_mut().fold(false, |changed, s| narrow(s) | changed),
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(schemas)) => schemas.iter_mut().fold(false, |changed, s| narrow(s) | changed),
            ("items" | "additionalProperties", schema) => narrow(schema),
            _ => false,
        };
    }
    changed
}

/// Adds what one schema of an `allOf` demands.
fn merge(into: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (key, value) in part {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(held)), Value::Object(more)) => held.extend(more),
            (Some(Value::Array(held)), Value::Array(more)) if key == "required" => {
                let new: Vec<Value> = more.into_iter().filter(|name| !held.contains(name)).collect();
                held.extend(new);
            }
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// JSON Schema for a schema of Gemini's older form, whose types are in capitals and whose `nullable` is a keyword.
pub(super) fn from_openapi(schema: &RawValue) -> Box<RawValue> {
    let Ok(mut value) = serde_json::from_str::<Value>(schema.get()) else { return schema.to_owned() };
    lower(&mut value);
    to_raw(&value)
}

fn lower(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let nullable = fields.shift_remove("nullable") == Some(Value::Bool(true));
    for (snake, camel) in [("any_of", "anyOf"), ("min_items", "minItems"), ("max_items", "maxItems")] {
        if let Some(value) = fields.shift_remove(snake) {
            fields.insert(camel.into(), value);
        }
    }
    if let Some(Value::String(word)) = fields.get_mut("type") {
        word.make_ascii_lowercase();
        if nullable {
            let both = json!([word, "null"]);
            fields.insert("type".into(), both);
        }
    }
    // Numbers of this form may be text (they are 64 bits wide).
    for key in ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"] {
        if let Some(number) = fields.get(key).and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok()) {
            fields.insert(key.into(), number.into());
        }
    }
    for (key, value) in fields.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(schemas)) => schemas.values_mut().for_each(lower),
            ("anyOf", Value::Array(schemas)) => schemas.iter_mut().for_each(lower),
            ("items", schema) => lower(schema),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_schema_in_the_subset_keeps_its_bytes() {
        let text = r##"{"type": "object", "properties":{"const":{"type":["string","null"],"enum":["a"]},"n":{"$ref":"#/$defs/N"}},"$defs":{"N":{"minimum":1.50}}}"##;
        assert_eq!(in_subset(&raw(text)).get(), text);
    }

    #[test]
    fn what_the_subset_lacks_is_said_otherwise_or_left_out() {
        let text = r##"{"$schema":"x","definitions":{"A":{"type":"string","pattern":"a"}},"type":"object","required":["a"],
            "properties":{"a":{"$ref":"#/definitions/A"},"b":{"const":1},"pattern":{"type":"integer","exclusiveMinimum":0}},
            "allOf":[{"required":["a","b"]},{"properties":{"c":{"type":"array","items":{"type":"string","minLength":1}}}}]}"##;
        let expected = json!({
            "type": "object", "required": ["a", "b"],
            "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"enum": [1]}, "pattern": {"type": "integer"},
                           "c": {"type": "array", "items": {"type": "string"}}},
            "$defs": {"A": {"type": "string"}}
        });
        assert_eq!(serde_json::from_str::<Value>(in_subset(&raw(text)).get()).unwrap(), expected);
    }

    #[test]
    fn the_older_form_becomes_json_schema() {
        let text = r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true},"l":{"type":"ARRAY","minItems":"2","items":{"type":"INTEGER"}}}}"#;
        let expected = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}, "l": {"type": "array", "minItems": 2, "items": {"type": "integer"}}}});
        assert_eq!(serde_json::from_str::<Value>(from_openapi(&raw(text)).get()).unwrap(), expected);
    }
}
