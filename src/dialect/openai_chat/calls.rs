//! The tool calls of one streamed choice: gives them dense indices, and lets each id and name through once.

use serde_json::{Map, Value, json};

use crate::base::id;

/// The calls of one choice, in the order of their first appearance, which is their index.
#[derive(Debug, Default)]
pub struct Calls(Vec<Call>);

#[derive(Debug, Default)]
struct Call {
    /// The vendor's index, where it gives one.
    index: Option<u64>,
    id: Option<String>,
    /// The first fragment has gone out.
    started: bool,
    has_arguments: bool,
    /// Arguments that came before the name.
    held: String,
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Repairs the `tool_calls` of one delta. Says whether anything had to change.
    pub fn normalize(&mut self, deltas: &mut Vec<Value>) -> bool {
        let mut changed = false;
        deltas.retain_mut(|delta| {
            let Value::Object(delta) = delta else {
                changed = true;
                return false;
            };
            let kept = self.delta(delta, &mut changed);
            changed |= !kept;
            kept
        });
        changed
    }

    /// Empty arguments for calls that got none, so that what the client collects is JSON.
    pub fn close(&mut self) -> Vec<Value> {
        let mut missing = Vec::new();
        for (at, call) in self.0.iter_mut().enumerate() {
            if call.started && !call.has_arguments {
                call.has_arguments = true;
                missing.push(json!({"index": at, "function": {"arguments": "{}"}}));
            }
        }
        missing
    }

    /// Repairs one fragment; `false` when there is nothing of it to send yet.
    fn delta(&mut self, delta: &mut Map<String, Value>, changed: &mut bool) -> bool {
        let own_index = delta.get("index").and_then(Value::as_u64);
        let own_id = text(delta.get("id")).filter(|id| id != "null");
        let name = delta.get("function").and_then(|function| text(function.get("name")));
        let at = self.find(own_index, own_id.as_deref(), name.is_some());
        let Some(call) = self.0.get_mut(at) else { return false };
        if delta.get("index").and_then(Value::as_u64) != Some(at as u64) {
            delta.insert("index".into(), at.into());
            *changed = true;
        }
        let arguments = arguments(delta, changed);
        if call.started {
            for key in ["id", "type"] {
                *changed |= delta.shift_remove(key).is_some();
            }
            if let Some(Value::Object(function)) = delta.get_mut("function") {
                *changed |= function.shift_remove("name").is_some();
            }
            call.has_arguments |= !arguments.is_empty();
            return !arguments.is_empty();
        }
        let Some(name) = name else {
            call.held.push_str(&arguments);
            call.id = call.id.take().or(own_id);
            return false;
        };
        call.started = true;
        let held = std::mem::take(&mut call.held);
        call.has_arguments = !arguments.is_empty() || !held.is_empty();
        let whole = own_id.is_some() && delta.get("type").is_some_and(|kind| kind == "function");
        let has_text = delta.get("function").and_then(|function| function.get("arguments")).is_some_and(Value::is_string);
        if !(whole && has_text && held.is_empty()) {
            let id = own_id.or_else(|| call.id.take()).unwrap_or_else(|| id::random("call_", 24));
            delta.insert("id".into(), id.into());
            delta.insert("type".into(), "function".into());
            delta.insert("function".into(), json!({"name": name, "arguments": held + &arguments}));
            *changed = true;
        }
        true
    }

    /// The call a fragment belongs to: by the vendor's index, else its id, else the last one. A new id together
    /// with a name is a new call even under an index that is taken (some vendors number every call 0).
    fn find(&mut self, index: Option<u64>, id: Option<&str>, named: bool) -> usize {
        let found = match (index, id) {
            (Some(_), _) => self.0.iter().rposition(|call| call.index == index),
            (None, Some(_)) => self.0.iter().position(|call| call.id.as_deref() == id),
            // Without index and id, a name starts a call and anything else goes on with the last one.
            (None, None) if named => None,
            (None, None) => self.0.len().checked_sub(1),
        };
        let other = |call: &Call| named && id.is_some() && call.started && call.id.is_some() && call.id.as_deref() != id;
        match found {
            Some(at) if !self.0.get(at).is_some_and(other) => {
                if let Some(call) = self.0.get_mut(at)
                    && call.id.is_none()
                {
                    call.id = id.map(str::to_owned);
                }
                at
            }
            _ => {
                self.0.push(Call { index, id: id.map(str::to_owned), ..Call::default() });
                self.0.len() - 1
            }
        }
    }
}

/// The arguments' text of a call or fragment. An object is written as text in its place.
pub fn arguments(call: &mut Map<String, Value>, changed: &mut bool) -> String {
    let Some(Value::Object(function)) = call.get_mut("function") else { return String::new() };
    match function.get_mut("arguments") {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => {
            let text = other.to_string();
            *other = Value::String(text.clone());
            *changed = true;
            text
        }
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client would collect, (id, name, arguments) a call; panics where a strict client would stumble.
    fn collect(deltas: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        let mut collected: Vec<(String, String, String)> = Vec::new();
        let mut take = |delta: &Value| {
            let at = usize::try_from(delta["index"].as_u64().unwrap()).unwrap();
            let arguments = delta["function"]["arguments"].as_str().unwrap();
            if at == collected.len() {
                let (id, name) = (delta["id"].as_str().unwrap(), delta["function"]["name"].as_str().unwrap());
                collected.push((id.into(), name.into(), arguments.into()));
            } else {
                assert!(delta.get("id").is_none() && delta["function"].get("name").is_none(), "{delta}");
                collected[at].2.push_str(arguments);
            }
        };
        for delta in deltas {
            let mut list = delta.as_array().unwrap().clone();
            calls.normalize(&mut list);
            list.iter().for_each(&mut take);
        }
        calls.close().iter().for_each(&mut take);
        collected
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn strict_fragments_are_left_alone() {
        let mut calls = Calls::default();
        let mut first = vec![json!({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}})];
        let mut second = vec![json!({"index": 0, "function": {"arguments": "{}"}})];
        assert!(!calls.normalize(&mut first) && !calls.normalize(&mut second));
        assert!(calls.close().is_empty());
    }

    #[test]
    fn repeated_ids_and_names_go() {
        let deltas = [
            json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":"}}]),
            json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "1}"}}]),
        ];
        assert_eq!(collect(&deltas), [call("a", "f", "{\"x\":1}")]);
    }

    #[test]
    fn indices_become_dense_and_missing_ones_are_told_by_id() {
        let deltas = [
            json!([{"index": 3, "id": "a", "function": {"name": "f", "arguments": "{}"}}]),
            json!([{"index": 5, "id": "b", "function": {"name": "g", "arguments": {"y": 2}}}]),
        ];
        assert_eq!(collect(&deltas), [call("a", "f", "{}"), call("b", "g", "{\"y\":2}")]);
        let deltas = [json!([{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g"}}])];
        assert_eq!(collect(&deltas), [call("a", "f", "{}"), call("b", "g", "{}")]);
    }

    #[test]
    fn a_new_id_and_name_under_a_taken_index_is_a_new_call() {
        let deltas = [
            json!([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
            json!([{"index": 0, "id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
        ];
        assert_eq!(collect(&deltas), [call("a", "f", "{}"), call("b", "f", "{}")]);
    }

    #[test]
    fn arguments_before_the_name_wait_and_a_missing_id_is_made() {
        let deltas = [
            json!([{"index": 0, "id": "null", "function": {"arguments": "{\"x\""}}]),
            json!([{"index": 0, "function": {"name": "f", "arguments": ":1}"}}]),
        ];
        let collected = collect(&deltas);
        assert!(collected[0].0.starts_with("call_"));
        assert_eq!(collected[0].2, "{\"x\":1}");
    }
}
