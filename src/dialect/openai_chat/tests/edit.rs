//! The quirks of a request's fields, one by one.

use bytes::Buf;
use serde_json::{Value, json};

use super::{edited, json, request_quirks};
use crate::chat::ApiError;
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Dialect, Quirks, To};

/// The edited request without model and messages, and what was dropped.
fn fields(quirks: Value, asked: Value) -> (Value, Vec<String>) {
    let mut body = json!({"model": "x", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
    let written = edited(&body, &request_quirks(quirks));
    let mut body = json(&written.body);
    let map = body.as_object_mut().unwrap();
    assert_eq!(map.shift_remove("model"), Some("m".into()));
    map.shift_remove("messages");
    (body, written.dropped.iter().map(str::to_owned).collect())
}

fn error(body: &str, quirks: &Quirks) -> ApiError {
    OpenAiChat.edit_request(body.as_bytes(), &To { model: "m", quirks, want_usage: false }).unwrap_err()
}

#[test]
fn without_quirks_only_the_model_and_the_wish_for_usage_change() {
    let body = br#"{ "x": 1.50, "model":"fast","messages":[ {"role":"user","content":"h\u0069"} ],"stream":true,"stream_options":{"a":1}}"#;
    let written = OpenAiChat.edit_request(body, &To { model: "m", quirks: &Quirks::default(), want_usage: true }).unwrap();
    let expected = r#"{"x":1.50,"model":"m","messages":[ {"role":"user","content":"h\u0069"} ],"stream":true,"stream_options":{"a":1,"include_usage":true}}"#;
    assert_eq!(String::from_utf8_lossy(&written.body), expected);
    assert!(written.dropped.is_empty());
    let plain = br#"{"model":"fast","stream":false,"input":["a"]}"#;
    let written = OpenAiChat.edit_request(plain, &To { model: "m", quirks: &Quirks::default(), want_usage: true }).unwrap();
    assert_eq!(written.body.as_ref(), br#"{"model":"m","stream":false,"input":["a"]}"#);
}

#[test]
fn each_quirk_of_the_fields() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let named = json!({"type": "function", "function": {"name": "b"}});
    for (quirks, asked, expected, dropped) in [
        (json!({"rename": {"seed": "random_seed"}}), json!({"seed": 1}), json!({"random_seed": 1}), vec![]),
        // Whichever way the limit is renamed, the younger field wins.
        (
            json!({"rename": {"max_completion_tokens": "max_tokens"}}),
            json!({"max_tokens": 1, "max_completion_tokens": 2}),
            json!({"max_tokens": 2}),
            vec![],
        ),
        (
            json!({"rename": {"max_tokens": "max_completion_tokens"}}),
            json!({"max_tokens": 1, "max_completion_tokens": 2}),
            json!({"max_completion_tokens": 2}),
            vec![],
        ),
        (json!({"drop": ["seed"]}), json!({"seed": 1, "top_p": 0.5}), json!({"top_p": 0.5}), vec!["seed"]),
        // What says nothing is lost without a word.
        (
            json!({"drop": ["store", "seed", "logit_bias", "parallel_tool_calls"]}),
            json!({"store": false, "seed": null, "logit_bias": {}, "parallel_tool_calls": true}),
            json!({}),
            vec![],
        ),
        (json!({"reject": ["n", "logprobs"]}), json!({"n": 1, "logprobs": false}), json!({}), vec![]),
        (json!({"caps": {"temperature": 1.5}}), json!({"temperature": 1.8}), json!({"temperature": 1.5}), vec!["temperature"]),
        (json!({"caps": {"temperature": 1.5}}), json!({"temperature": 1.50}), json!({"temperature": 1.50}), vec![]),
        (
            json!({"values": {"tool_choice": {"required": "any"}}}),
            json!({"tool_choice": "required"}),
            json!({"tool_choice": "any"}),
            vec![],
        ),
        (json!({"values": {"tool_choice": {"required": null}}}), json!({"tool_choice": "required"}), json!({}), vec!["tool_choice"]),
        (json!({"values": {"tool_choice": {"required": null}}}), json!({"tool_choice": "auto"}), json!({"tool_choice": "auto"}), vec![]),
        (
            json!({"effort": {"none": {"enable_thinking": false}}}),
            json!({"reasoning_effort": "none"}),
            json!({"enable_thinking": false}),
            vec![],
        ),
        (
            json!({"effort": {"none": {"enable_thinking": false}}}),
            json!({"reasoning_effort": "none", "enable_thinking": true}),
            json!({"enable_thinking": true}),
            vec![],
        ),
        (json!({"effort": {"none": {"enable_thinking": false}}}), json!({"reasoning_effort": "low"}), json!({}), vec!["reasoning_effort"]),
        (
            json!({"effort": {"low": {"reasoning_effort": "high"}}}),
            json!({"reasoning_effort": "low"}),
            json!({"reasoning_effort": "high"}),
            vec![],
        ),
        (
            json!({"named_tool": "only_tool_required"}),
            json!({"tools": [tool("a"), tool("b")], "tool_choice": named}),
            json!({"tools": [tool("b")], "tool_choice": "required"}),
            vec![],
        ),
        (
            json!({"named_tool": "only_tool"}),
            json!({"tools": [tool("a"), tool("b")], "tool_choice": named}),
            json!({"tools": [tool("b")]}),
            vec![],
        ),
        (
            json!({"named_tool": "only_tool"}),
            json!({"tools": [tool("a")], "tool_choice": named}),
            json!({"tools": [tool("a")], "tool_choice": named}),
            vec![],
        ),
        (
            json!({"fill_parameters": true}),
            json!({"tools": [{"type": "function", "function": {"name": "a"}}]}),
            json!({"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}}]}),
            vec![],
        ),
        (
            json!({"no_stream_options": true}),
            json!({"stream": true, "stream_options": {"include_usage": true}}),
            json!({"stream": true}),
            vec![],
        ),
        (
            json!({"instead": {"web_search_options": {"enable_search": true}}}),
            json!({"web_search_options": {"search_context_size": "low"}}),
            json!({"enable_search": true}),
            vec!["web_search_options"],
        ),
        (
            json!({"instead": {"web_search_options": {"enable_search": true}}}),
            json!({"web_search_options": {}, "enable_search": false}),
            json!({"enable_search": false}),
            vec![],
        ),
        (
            json!({"not_thinking": ["tool_choice", "response_format"]}),
            json!({"enable_thinking": true, "tool_choice": named, "response_format": {"type": "json_object"}}),
            json!({"enable_thinking": true}),
            vec!["tool_choice", "response_format"],
        ),
        (
            json!({"not_thinking": ["tool_choice"]}),
            json!({"enable_thinking": true, "tool_choice": "none"}),
            json!({"enable_thinking": true, "tool_choice": "none"}),
            vec![],
        ),
        (
            json!({"streams": "thinking", "effort": {"high": {"enable_thinking": true}}}),
            json!({"reasoning_effort": "high"}),
            json!({"enable_thinking": true, "stream": true, "stream_options": {"include_usage": true}}),
            vec![],
        ),
        (json!({"streams": "thinking"}), json!({"enable_thinking": false}), json!({"enable_thinking": false}), vec![]),
        (json!({"streams": "always"}), json!({}), json!({"stream": true, "stream_options": {"include_usage": true}}), vec![]),
        (
            json!({"accept": ["model", "messages", "random_seed"], "rename": {"seed": "random_seed"}}),
            json!({"seed": 1, "x": {"a": 1}, "user": null}),
            json!({"random_seed": 1}),
            vec!["x"],
        ),
    ] {
        assert_eq!(fields(quirks.clone(), asked.clone()), (expected, dropped.into_iter().map(str::to_owned).collect()), "{quirks} {asked}");
    }
}

#[test]
fn a_schema_becomes_an_instruction() {
    let asked = json!({"model": "x", "messages": [{"role": "system", "content": "Be terse."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {"title": {}}}}}});
    for (quirk, format) in [("json_object", json!({"type": "json_object"})), ("instruction", Value::Null)] {
        let body = json(&edited(&asked, &request_quirks(json!({"json_schema": quirk}))).body);
        assert_eq!(body["response_format"], format);
        let system = body["messages"][0]["content"].as_str().unwrap();
        assert!(system.starts_with("Be terse.\n\n") && system.contains(r#""title""#), "{system}");
    }
    let plain = json!({"model": "x", "messages": [{"role": "user", "content": "hi"}], "response_format": {"type": "json_object"}});
    let body = json(&edited(&plain, &request_quirks(json!({"json_schema": "json_object"}))).body);
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    // Where JSON mode asks for the word, it is said once.
    for (said, instructed) in [("hi", true), ("some Json, please", false)] {
        let plain = json!({"model": "x", "messages": [{"role": "user", "content": said}], "response_format": {"type": "json_object"}});
        let messages = json(&edited(&plain, &request_quirks(json!({"json_word": true}))).body)["messages"].clone();
        assert_eq!(messages[0]["role"] == "system", instructed, "{messages}");
    }
}

#[test]
fn what_changes_the_answers_shape_is_refused_by_name() {
    let refused = error(r#"{"model":"x","messages":[],"n":2}"#, &request_quirks(json!({"reject": ["n"]})));
    assert_eq!((refused.status, refused.code.as_deref(), refused.param.as_deref()), (400, Some("unsupported_parameter"), Some("n")));
    assert_eq!(error("{", &Quirks::default()).code.as_deref(), Some("invalid_json"));
}

#[test]
fn model_rules_apply_to_their_models_only() {
    let quirks = Quirks::default()
        .overlay(&json!({"models": [{"names": ["o3*"], "request": {"rename": {"max_tokens": "max_completion_tokens"}}}]}))
        .unwrap();
    for (model, field) in [("o3-mini", "max_completion_tokens"), ("gpt-4o", "max_tokens")] {
        let body = br#"{"model":"x","max_tokens":5}"#;
        let written = OpenAiChat.edit_request(body, &To { model, quirks: &quirks, want_usage: false }).unwrap();
        assert_eq!(json(&written.body)[field], 5, "{model}");
    }
}

#[test]
fn the_long_part_of_a_long_body_is_not_copied() {
    let long = "x".repeat(100 << 10);
    let (none, to) = (Quirks::default(), |quirks| To { model: "m\"2", quirks, want_usage: true });
    for (body, shared) in [
        (format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}],"model":"fast","top_p":1}}"#), true),
        (format!(r#"{{"model": "fast" ,"messages":[{{"role":"user","content":"{long}"}}]}}"#), true),
        (r#"{"model":"fast","messages":[{"role":"user","content":"x"}]}"#.to_owned(), false),
    ] {
        let expected = body.replace("\"fast\"", r#""m\"2""#);
        let body = bytes::Bytes::from(body);
        let view = OpenAiChat.view(&body).unwrap();
        let (parts, dropped) = OpenAiChat.edit_laid_out(&body, &view.layout, &to(&none)).unwrap();
        assert_eq!((parts.joined(), parts.len()), (bytes::Bytes::from(expected.clone()), expected.len()));
        assert_eq!(dropped.iter().count(), 0);
        let places = body.as_ptr_range();
        let mut pieces = [std::io::IoSlice::new(&[]); 2];
        parts.chunks_vectored(&mut pieces);
        assert_eq!(pieces.iter().any(|piece| piece.len() > 100 << 10 && places.contains(&piece.as_ptr())), shared);
    }
}
