//! The quirks of a request's messages, one by one.

use serde_json::{Value, json};

use super::{OpenAiChat, edited, json, request_quirks};
use crate::dialect::{Dialect, To};

/// The edited messages and what was dropped.
fn messages(quirks: Value, asked: Value) -> (Value, Vec<String>) {
    let written = edited(&json!({"model": "x", "messages": asked}), &request_quirks(json!({"messages": quirks})));
    (json(&written.body)["messages"].take(), written.dropped.iter().map(str::to_owned).collect())
}

fn mapped_ids(form: Value, asked: Value) -> (Value, Vec<String>) {
    let written = edited(&json!({"model": "x", "messages": asked}), &request_quirks(json!({"tool_call_id": form})));
    (json(&written.body)["messages"].take(), written.dropped.iter().map(str::to_owned).collect())
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role": "user", "content": content.into()})
}

fn says(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

#[test]
fn each_quirk_of_the_messages() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let result = json!({"role": "tool", "tool_call_id": "1", "name": "f", "content": "ok"});
    for (quirks, asked, expected, dropped) in [
        (json!({"roles": {"developer": "system"}}), json!([says("developer", "a")]), json!([says("system", "a")]), vec![]),
        (
            json!({"drop_name": true}),
            json!([{"role": "user", "content": "a", "name": "n"}, result]),
            json!([user("a"), result]),
            vec!["name"],
        ),
        (json!({"drop_fields": ["x", "y"]}), json!([{"role": "user", "content": "a", "x": 1, "y": null}]), json!([user("a")]), vec!["x"]),
        (
            json!({"unsupported_parts": ["image_url"]}),
            json!([user(json!([{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]))]),
            json!([user(json!([text("[image_url left out: the model cannot read it]")]))]),
            vec!["detail", "image_url"],
        ),
        (
            json!({"drop_image_detail": true}),
            json!([user(json!([{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]))]),
            json!([user(json!([{"type": "image_url", "image_url": {"url": "u"}}]))]),
            vec!["detail"],
        ),
        (
            json!({"audio": "data_url"}),
            json!([user(json!([{"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}]))]),
            json!([user(json!([{"type": "input_audio", "input_audio": {"data": "data:audio/mp3;base64,AA", "format": "mp3"}}]))]),
            vec![],
        ),
        (
            json!({"audio": "base64"}),
            json!([user(json!([{"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}}]))]),
            json!([user(json!([{"type": "input_audio", "input_audio": "AA"}]))]),
            vec![],
        ),
        (
            json!({"file_as_document_url": true}),
            json!([user(
                json!([{"type": "file", "file": {"file_data": "AA", "filename": "a.pdf"}}, {"type": "file", "file": {"file_id": "f"}}])
            )]),
            json!([user(
                json!([{"type": "document_url", "document_url": "data:application/pdf;base64,AA", "document_name": "a.pdf"}, {"type": "file", "file": {"file_id": "f"}}])
            )]),
            vec![],
        ),
        (
            json!({"refusal_as_text": true}),
            json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]),
            json!([{"role": "assistant", "content": [text("no")]}]),
            vec![],
        ),
        (json!({"flatten_text": true}), json!([user(json!([text("a"), text("b")]))]), json!([user("a\nb")]), vec![]),
        (
            json!({"flatten_text": true}),
            json!([user(json!([text("a"), {"type": "image_url", "image_url": {"url": "u"}}]))]),
            json!([user(json!([text("a"), {"type": "image_url", "image_url": {"url": "u"}}]))]),
            vec![],
        ),
        (json!({"empty_assistant": "."}), json!([says("assistant", ""), call]), json!([says("assistant", "."), call]), vec![]),
        (
            json!({"single_system": true}),
            json!([user("a"), says("system", "b"), says("system", "c")]),
            json!([says("system", "b\n\nc"), user("a")]),
            vec![],
        ),
        (
            json!({"merge_same_role": true}),
            json!([user("a"), user(json!([text("b")])), says("assistant", "c"), says("assistant", "d"), call, call]),
            json!([user(json!([text("a"), text("b")])), says("assistant", "c\n\nd"), call, call]),
            vec![],
        ),
        (
            json!({"assistant_after_tool": "."}),
            json!([call, result, user("a")]),
            json!([call, result, says("assistant", "."), user("a")]),
            vec![],
        ),
        (
            json!({"prefix_last_assistant": true}),
            json!([user("a"), says("assistant", "x")]),
            json!([user("a"), {"role": "assistant", "content": "x", "prefix": true}]),
            vec![],
        ),
        (json!({"prefix_last_assistant": true}), json!([says("assistant", "x"), call]), json!([says("assistant", "x"), call]), vec![]),
        (
            json!({"assistant_after_tool": "."}),
            json!([call, result, says("assistant", "x")]),
            json!([call, result, says("assistant", "x")]),
            vec![],
        ),
    ] {
        assert_eq!(messages(quirks.clone(), asked), (expected, dropped.into_iter().map(str::to_owned).collect()), "{quirks}");
    }
}

#[test]
fn tool_call_ids_are_mapped_alike_in_calls_and_results() {
    let asked = json!([
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_abcdefghijklmnopqrstuvwx", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "Already9x", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "Already9x", "content": "1"},
        {"role": "tool", "tool_call_id": "call_abcdefghijklmnopqrstuvwx", "content": "2"},
    ]);
    let (mapped, _) = mapped_ids(json!({"code": 9}), asked.clone());
    let id = mapped[0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(mapped[0]["tool_calls"][1]["id"], "Already9x");
    assert_eq!(mapped[1]["tool_call_id"], "Already9x");
    assert_eq!(mapped[2]["tool_call_id"], id);
    assert_eq!(mapped_ids(json!({"code": 9}), asked).0, mapped, "the same every time");
}

#[test]
fn only_a_request_with_an_id_of_another_form_is_read_for_it() {
    let asked = |id: &str, gap: &str| {
        format!(
            r#"{{"model":"x","messages":[{{"role":"assistant","tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id"{gap}:{gap}"{id}","content":"the text \"tool_call_id\": \"{}\""}}]}}"#,
            "x".repeat(50)
        )
    };
    let quirks = request_quirks(json!({"tool_call_id": {"short": 40}}));
    let to = To { model: "x", quirks: &quirks, want_usage: true };
    for gap in ["", " ", "\n\t"] {
        let short = asked(&"i".repeat(40), gap);
        assert_eq!(OpenAiChat.edit_request(short.as_bytes(), &to).unwrap().body, short, "not a byte of it changes");
        let written = OpenAiChat.edit_request(asked(&"i".repeat(41), gap).as_bytes(), &to).unwrap();
        let messages = &json(&written.body)["messages"];
        let id = messages[1]["tool_call_id"].as_str().unwrap();
        assert!(id.len() <= 40 && messages[0]["tool_calls"][0]["id"] == id, "{messages}");
        assert!(written.dropped.is_empty());
    }
}
