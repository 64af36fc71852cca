//! Brings a vendor's whole answer to the letter of the format, as `normalize` does with streams.

use serde_json::{Map, Value, json};

use super::normalize::{finish_word, report};
use super::{calls, message, usage};
use crate::base::id;
use crate::chat::ApiError;

type Object = Map<String, Value>;

/// Brings a whole answer to the letter of the format. Says whether anything had to change.
pub fn normalize(body: &mut Object, model: &str, created: u64) -> Result<bool, ApiError> {
    report(body)?;
    let mut changed = false;
    if let Some(Value::Array(choices)) = body.get_mut("choices") {
        for (position, raw) in choices.iter_mut().enumerate() {
            if let Value::Object(raw) = raw {
                whole_choice(raw, position, &mut changed)?;
            }
        }
        for (key, fallback) in
            [("id", Value::from("")), ("object", "chat.completion".into()), ("created", created.into()), ("model", model.into())]
        {
            let missing = body.get(key).is_none_or(|value| value.is_null() || value == "");
            if missing {
                let fallback = if key == "id" { id::random("chatcmpl-", 29).into() } else { fallback };
                body.insert(key.into(), fallback);
                changed = true;
            }
        }
    }
    if let Some(Value::Object(usage)) = body.get_mut("usage") {
        changed |= usage::normalize(usage);
    }
    Ok(changed)
}

fn whole_choice(raw: &mut Object, position: usize, changed: &mut bool) -> Result<(), ApiError> {
    if !raw.get("index").is_some_and(Value::is_u64) {
        raw.insert("index".into(), position.into());
        *changed = true;
    }
    let mut finish = finish_word(raw, changed)?;
    let mut has_calls = false;
    if finish.is_some() && !raw.contains_key("message") && !raw.contains_key("text") {
        // Azure leaves out a message that its filter held back.
        raw.insert("message".into(), json!({"role": "assistant", "content": null, "refusal": null}));
        *changed = true;
    }
    if let Some(Value::Object(answer)) = raw.get_mut("message") {
        *changed |= message::normalize(answer);
        if answer.get("role").is_none_or(|role| role != "assistant") {
            answer.insert("role".into(), "assistant".into());
            *changed = true;
        }
        if !answer.contains_key("content") {
            answer.insert("content".into(), Value::Null);
            *changed = true;
        }
        if let Some(Value::Array(calls)) = answer.get_mut("tool_calls") {
            has_calls = !calls.is_empty();
            calls.iter_mut().for_each(|call| whole_call(call, changed));
        }
    }
    if finish.as_deref() == Some("stop") && has_calls || finish.is_none() {
        finish = Some(if has_calls { "tool_calls" } else { "stop" }.to_owned());
        raw.insert("finish_reason".into(), finish.into());
        *changed = true;
    }
    Ok(())
}

fn whole_call(call: &mut Value, changed: &mut bool) {
    let Value::Object(call) = call else { return };
    if call.get("id").and_then(Value::as_str).is_none_or(|id| id.is_empty() || id == "null") {
        call.insert("id".into(), id::random("call_", 24).into());
        *changed = true;
    }
    if call.get("custom").and_then(|custom| custom.get("name")).is_some_and(|name| name == "") {
        call.shift_remove("custom");
        *changed = true;
    }
    if !call.get("type").is_some_and(Value::is_string) {
        call.insert("type".into(), "function".into());
        *changed = true;
    }
    if calls::arguments(call, changed).is_empty()
        && let Some(Value::Object(function)) = call.get_mut("function")
    {
        function.insert("arguments".into(), "{}".into());
        *changed = true;
    }
}
