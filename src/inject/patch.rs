//! A JSON document that is edited step by step, each step noted as an operation of a JSON Patch (RFC 6902): the command line
//! takes the document, the webhook the operations.

use serde_json::{Map, Value, json};

/// An edited document.
#[derive(Debug)]
pub struct Patch {
    value: Value,
    operations: Vec<Value>,
}

impl Patch {
    pub fn new(value: Value) -> Self {
        Self { value, operations: Vec::new() }
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    pub fn into_value(self) -> Value {
        self.value
    }

    /// The steps so far, as a JSON Patch.
    pub fn operations(&self) -> &[Value] {
        &self.operations
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    /// The list at a pointer; empty where there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.get(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// Sets a member of the object at `pointer`, which is made if it is not there.
    pub fn set(&mut self, pointer: &str, key: &str, value: Value) {
        self.make(pointer, || Value::Object(Map::new()));
        if let Some(Value::Object(object)) = self.value.pointer_mut(pointer) {
            let operation = if object.contains_key(key) { "replace" } else { "add" };
            self.operations.push(json!({"op": operation, "path": format!("{pointer}/{}", escape(key)), "value": value}));
            object.insert(key.to_owned(), value);
        }
    }

    /// Inserts an item into the list at `pointer`, which is made if it is not there.
    pub fn insert(&mut self, pointer: &str, index: usize, item: Value) {
        self.make(pointer, || Value::Array(Vec::new()));
        if let Some(Value::Array(list)) = self.value.pointer_mut(pointer) {
            let index = index.min(list.len());
            self.operations.push(json!({"op": "add", "path": format!("{pointer}/{index}"), "value": item}));
            list.insert(index, item);
        }
    }

    /// Adds an item at the end of the list at `pointer`, which is made if it is not there.
    pub fn push(&mut self, pointer: &str, item: Value) {
        let end = self.list(pointer).len();
        self.insert(pointer, end, item);
    }

    /// Removes a member of the object at `pointer`, and the object itself if nothing else is in it.
    pub fn remove(&mut self, pointer: &str, key: &str) {
        let Some(Value::Object(object)) = self.value.pointer_mut(pointer) else { return };
        if object.shift_remove(key).is_none() {
            return;
        }
        let is_empty = object.is_empty();
        self.operations.push(json!({"op": "remove", "path": format!("{pointer}/{}", escape(key))}));
        if is_empty {
            self.drop_empty(pointer);
        }
    }

    /// Removes the items of the list at `pointer` that `wanted` names, and the list itself if nothing else is in it.
    pub fn remove_items(&mut self, pointer: &str, wanted: impl Fn(&Value) -> bool) {
        let Some(Value::Array(list)) = self.value.pointer_mut(pointer) else { return };
        let before = list.len();
        for index in (0..before).rev() {
            if list.get(index).is_some_and(&wanted) {
                list.remove(index);
                self.operations.push(json!({"op": "remove", "path": format!("{pointer}/{index}")}));
            }
        }
        if list.is_empty() && before > 0 {
            self.drop_empty(pointer);
        }
    }

    /// Removes what an edit has left empty, and what that leaves empty.
    fn drop_empty(&mut self, pointer: &str) {
        if let Some((parent, key)) = pointer.rsplit_once('/')
            && let Some(Value::Object(object)) = self.value.pointer_mut(parent)
        {
            object.shift_remove(key);
            let is_empty = object.is_empty();
            self.operations.push(json!({"op": "remove", "path": pointer}));
            if is_empty {
                self.drop_empty(parent);
            }
        }
    }

    /// Makes what the pointer leads to, and all that leads there, where it is missing or null.
    fn make(&mut self, pointer: &str, empty: impl FnOnce() -> Value) {
        if self.get(pointer).is_some_and(|value| !value.is_null()) {
            return;
        }
        let Some((parent, key)) = pointer.rsplit_once('/') else { return };
        self.set(parent, &unescape(key), empty());
    }
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parents_are_made_and_names_escaped() {
        let mut patch = Patch::new(json!({"spec": {"containers": [{"name": "app"}], "volumes": null}}));
        patch.set("/metadata/annotations", "a/b~c", "x".into());
        patch.push("/spec/containers/0/env", json!({"name": "A"}));
        patch.insert("/spec/containers", 0, json!({"name": "first"}));
        patch.push("/spec/volumes", json!({"name": "v"}));
        let expected = json!({"spec": {"containers": [{"name": "first"}, {"name": "app", "env": [{"name": "A"}]}], "volumes": [{"name": "v"}]},
            "metadata": {"annotations": {"a/b~c": "x"}}});
        assert_eq!(patch.value(), &expected);
        let steps: Vec<_> = patch.operations().iter().map(|step| (step["op"].as_str().unwrap(), step["path"].as_str().unwrap())).collect();
        let expected = [
            ("add", "/metadata"),
            ("add", "/metadata/annotations"),
            ("add", "/metadata/annotations/a~1b~0c"),
            ("add", "/spec/containers/0/env"),
            ("add", "/spec/containers/0/env/0"),
            ("add", "/spec/containers/0"),
            ("replace", "/spec/volumes"),
            ("add", "/spec/volumes/0"),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn what_is_left_empty_goes() {
        let mut patch =
            Patch::new(json!({"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {"volumes": [{"name": "x"}, {"name": "y"}]}}));
        patch.remove("/metadata/labels", "a");
        patch.remove_items("/spec/volumes", |_| true);
        assert_eq!(patch.value(), &json!({"metadata": {"name": "n"}}));
        assert_eq!(patch.operations().len(), 6);
    }
}
