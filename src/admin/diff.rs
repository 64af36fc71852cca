//! What differs between two JSON values, for people.

use serde_json::{Value, json};

/// One entry for each value that was added, removed or changed; paths are JSON pointers (RFC 6901).
pub(super) fn diff(before: &Value, after: &Value) -> Value {
    let mut found = Vec::new();
    compare(before, after, "", &mut found);
    found.into()
}

fn compare(before: &Value, after: &Value, path: &str, found: &mut Vec<Value>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                match new.get(key) {
                    Some(other) => compare(value, other, &path, found),
                    None => found.push(json!({"op": "remove", "path": path, "before": value})),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                found.push(json!({"op": "add", "path": path, "after": value}));
            }
        }
        _ => found.push(json!({"op": "replace", "path": path, "before": before, "after": after})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_is_one_entry() {
        let (before, after) = (json!({"a": 1, "b": {"c/d": 2, "e": 3}}), json!({"b": {"c/d": 4, "f": [1]}, "a": 1}));
        assert_eq!(
            diff(&before, &after),
            json!([
                {"op": "replace", "path": "/b/c~1d", "before": 2, "after": 4},
                {"op": "remove", "path": "/b/e", "before": 3},
                {"op": "add", "path": "/b/f", "after": [1]},
            ])
        );
        assert_eq!(diff(&after, &after), json!([]));
    }
}
