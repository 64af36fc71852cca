//! Requests read into the hub and written from it.

use serde_json::{Value, json};

use super::{json as parse, request_quirks};
use crate::chat::{
    CacheHint, DialectId, Effort, Media, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, ToolChoice, ToolKind,
};
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Dialect, Quirks, To, Written};

pub fn read(body: &Value) -> Request {
    OpenAiChat.read_request(body.to_string().as_bytes()).unwrap()
}

pub fn write(request: &Request, quirks: &Quirks) -> Written {
    OpenAiChat.write_request(request, &To { model: "m", quirks, want_usage: false }).unwrap()
}

fn with(extra: Value) -> Value {
    let mut body = json!({"model": "x", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn message(message: Value) -> Message {
    read(&json!({"model": "x", "messages": [message]})).messages.remove(0)
}

fn kinds(from: Value) -> Vec<PartKind> {
    message(from).parts.into_iter().map(|part| part.kind).collect()
}

/// A request of another dialect.
fn foreign(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::AnthropicMessages, "x") }
}

fn said(role: Role, parts: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: parts.into_iter().map(Part::from).collect() }
}

#[test]
fn settings_are_read() {
    let request = read(&with(json!({
        "max_tokens": 1, "max_completion_tokens": 2, "temperature": 0, "top_p": 0.5, "n": 2, "seed": -3, "stop": "END",
        "reasoning_effort": "low", "user": "u", "metadata": {"a": "b"}, "service_tier": "flex", "parallel_tool_calls": false,
        "stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3, "store": true, "x": null,
    })));
    let sampling = &request.sampling;
    assert_eq!((sampling.max_tokens, sampling.n, sampling.seed, sampling.top_logprobs), (Some(2), Some(2), Some(-3), Some(3)));
    assert_eq!(sampling.temperature.as_ref().map(ToString::to_string).as_deref(), Some("0"));
    assert_eq!(request.stop, ["END"]);
    assert_eq!(request.reasoning, Some(Reasoning::Effort(Effort::Low)));
    assert!(request.stream && request.include_usage);
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["store"]);
    assert_eq!(read(&with(json!({"reasoning_effort": "none", "stop": ["a", "b"]}))).reasoning, Some(Reasoning::Off));
}

#[test]
fn content_parts_are_read() {
    let parts = kinds(json!({"role": "user", "content": [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;charset=utf-8;base64,AA\nBB"}},
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        {"type": "file", "file": {"filename": "n.csv", "file_data": "AA"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "u"}},
    ]}));
    let base64 = |media_type: &str, data: &str| Media::Base64 { media_type: media_type.into(), data: data.into() };
    assert_eq!(
        parts,
        [
            PartKind::Text("a".into()),
            PartKind::Image { source: Media::Url("https://x/y.png".into()), detail: Some("low".into()) },
            PartKind::Image { source: base64("image/jpeg", "AABB"), detail: None },
            PartKind::Audio { format: "mp3".into(), data: "AA".into() },
            PartKind::Document { source: base64("text/csv", "AA"), name: Some("n.csv".into()) },
            PartKind::Document { source: base64("application/pdf", "AA"), name: None },
            PartKind::Document { source: Media::FileId("file-1".into()), name: None },
            PartKind::Native { dialect: DialectId::OpenAiChat, value: json!({"type": "video_url", "video_url": {"url": "u"}}) },
        ]
    );
}

#[test]
fn assistant_turns_are_read_with_their_reasoning() {
    let call =
        |id: &str, arguments: &str, custom| PartKind::ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into(), custom };
    let thinking = |signature: Option<&str>| PartKind::Thinking { text: "hm".into(), signature: signature.map(str::to_owned) };
    for (turn, expected) in [
        (json!({"role": "assistant", "content": null, "refusal": "no"}), vec![PartKind::Refusal("no".into())]),
        (
            json!({"role": "assistant", "content": "a", "reasoning_content": "hm", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}},
                {"id": "2", "type": "custom", "custom": {"name": "f", "input": "free"}}]}),
            vec![thinking(None), PartKind::Text("a".into()), call("1", "", false), call("2", "free", true)],
        ),
        (
            json!({"role": "assistant", "content": "a", "reasoning_content": "hm", "thinking_blocks": [
                {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]}),
            vec![thinking(Some("s")), PartKind::RedactedThinking { data: "d".into() }, PartKind::Text("a".into())],
        ),
        (
            json!({"role": "assistant", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s"}], "content": "a"}),
            vec![thinking(Some("s")), PartKind::Text("a".into())],
        ),
        (json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}}), vec![call("f", "{}", false)]),
    ] {
        assert_eq!(kinds(turn.clone()), expected, "{turn}");
    }
}

#[test]
fn tool_results_roles_and_cache_hints_are_read() {
    let result = message(json!({"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "a"}]}));
    let text = Part::from(PartKind::Text("a".into()));
    assert_eq!(result.role, Role::Tool);
    assert_eq!(result.parts, [Part::from(PartKind::ToolResult { id: "1".into(), name: None, parts: vec![text], is_error: false })]);
    assert!(matches!(&kinds(json!({"role": "function", "name": "f", "content": "a"}))[0], PartKind::ToolResult { id, .. } if id == "f"));
    assert_eq!(message(json!({"role": "developer", "content": "a", "name": "n"})).role, Role::Developer);
    for marker in [json!({"cache_control": {"type": "ephemeral", "ttl": "1h"}}), json!({"prompt_cache_breakpoint": {"ttl": "1h"}})] {
        let mut part = json!({"type": "text", "text": "a"});
        part.as_object_mut().unwrap().extend(marker.as_object().unwrap().clone());
        let read = message(json!({"role": "user", "content": [part]}));
        assert_eq!(read.parts[0].cache, Some(CacheHint { ttl: Some("1h".into()) }));
    }
}

#[test]
fn tools_and_choices_are_read_in_every_form() {
    let tools = json!([
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "x": 1.50}, "strict": true}},
        {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
        {"type": "web_search", "web_search": {}},
    ]);
    let request = read(&with(json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "f"}}})));
    assert!(
        matches!(&request.tools[0].kind, ToolKind::Function { parameters: Some(schema), strict: Some(true), .. } if schema.get().contains("1.5"))
    );
    assert!(matches!(&request.tools[1].kind, ToolKind::Custom { name, .. } if name == "c"));
    assert!(matches!(&request.tools[2].kind, ToolKind::Native { name, .. } if name == "web_search"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".into())));
    let legacy = read(&with(json!({"functions": [{"name": "f"}], "function_call": {"name": "f"}})));
    assert_eq!((legacy.tools.len(), legacy.tool_choice), (1, Some(ToolChoice::Named("f".into()))));
    let allowed =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}});
    let allowed = read(&with(json!({"tools": tools, "tool_choice": allowed}))).tool_choice;
    assert_eq!(allowed, Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }));
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (body, param) in [
        (json!({"model": "x", "messages": [{"role": "user", "content": [{"type": "text"}]}]}), "messages[0].content[0]"),
        (json!({"model": "x", "messages": [{"role": "user", "content": 5}]}), "messages[0].content"),
        (json!({"model": "x", "messages": [{"role": "tool", "content": "a"}]}), "messages[0].tool_call_id"),
        (json!({"model": "x", "messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]}), "messages[0].tool_calls[0]"),
        (with(json!({"tools": [{"type": "function"}]})), "tools[0]"),
        (with(json!({"tool_choice": "perhaps"})), "tool_choice"),
        (with(json!({"response_format": {"type": "json_schema"}})), "response_format"),
        (with(json!({"reasoning_effort": "some"})), "reasoning_effort"),
        (with(json!({"stop": 5})), "stop"),
    ] {
        let error = OpenAiChat.read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{body}");
    }
}

#[test]
fn a_foreign_conversation_is_written() {
    let text = |text: &str| PartKind::Text(text.into());
    let result = |id: &str, parts: Vec<PartKind>, is_error| PartKind::ToolResult {
        id: id.into(),
        name: None,
        parts: parts.into_iter().map(Part::from).collect(),
        is_error,
    };
    let image = PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "AA".into() }, detail: None };
    let request = foreign(vec![
        said(Role::System, vec![text("be"), text("terse")]),
        said(Role::User, vec![text("hi")]),
        said(
            Role::Assistant,
            vec![
                PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) },
                PartKind::ToolCall { id: "1".into(), name: "f".into(), arguments: String::new(), custom: false },
            ],
        ),
        said(Role::Tool, vec![result("1", vec![text("a"), image], false), result("2", vec![text("b")], true)]),
        said(Role::User, vec![text("go on")]),
    ]);
    let written = write(&request, &Quirks::default());
    assert!(written.dropped.is_empty(), "{:?}", written.dropped);
    let texts = |list: &[&str]| list.iter().map(|text| json!({"type": "text", "text": text})).collect::<Value>();
    let mut carried = texts(&["Part of the result of tool call 1:"]);
    carried.as_array_mut().unwrap().push(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}));
    assert_eq!(
        parse(&written.body),
        json!({"model": "m", "messages": [
            {"role": "system", "content": texts(&["be", "terse"])},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "a"},
            {"role": "tool", "tool_call_id": "2", "content": texts(&["Error:", "b"])},
            {"role": "user", "content": carried},
            {"role": "user", "content": "go on"},
        ]})
    );
}

#[test]
fn reasoning_is_asked_for_in_the_vendors_words() {
    let effort = |reasoning: Reasoning, quirks: &Quirks| {
        let written = write(&Request { reasoning: Some(reasoning), ..foreign(Vec::new()) }, quirks);
        (parse(&written.body), written.dropped.iter().map(str::to_owned).collect::<Vec<_>>())
    };
    for (reasoning, word) in [
        (Reasoning::Effort(Effort::Minimal), "minimal"),
        (Reasoning::Adaptive { effort: None }, "high"),
        (Reasoning::Budget(1024), "low"),
        (Reasoning::Budget(8000), "medium"),
        (Reasoning::Budget(30_000), "high"),
    ] {
        assert_eq!(effort(reasoning, &Quirks::default()).0["reasoning_effort"], word);
    }
    let (body, dropped) = effort(Reasoning::Off, &Quirks::default());
    assert_eq!((body.get("reasoning_effort"), dropped), (None, vec!["thinking".to_owned()]));
    let thinks = request_quirks(json!({"effort": {"none": {"enable_thinking": false}}}));
    assert_eq!(effort(Reasoning::Off, &thinks).0["enable_thinking"], false);
}

#[test]
fn a_vendors_extras_are_used_where_it_knows_them() {
    let hinted = Part { kind: PartKind::Text("a".into()), cache: Some(CacheHint { ttl: None }) };
    let mut request = foreign(vec![
        Message { role: Role::User, name: None, parts: vec![hinted] },
        said(
            Role::Assistant,
            vec![
                PartKind::Thinking { text: "hm".into(), signature: Some("s".into()) },
                PartKind::ToolCall { id: "1".into(), name: "f".into(), arguments: "{}".into(), custom: false },
            ],
        ),
    ]);
    request.sampling.top_k = Some(5);
    request.stop = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    request.extra.insert("container".into(), json!("c"));
    let plain = write(&request, &Quirks::default());
    assert_eq!(plain.dropped.iter().collect::<Vec<_>>(), ["cache_control", "top_k", "stop", "container"]);
    let quirks = request_quirks(json!({"knows": ["top_k"], "cache_hint": "cache_control", "reasoning_history": "content_with_tool_calls"}));
    let body = parse(&write(&request, &quirks).body);
    assert_eq!(body["top_k"], 5);
    assert_eq!(body["stop"].as_array().map(Vec::len), Some(4));
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(body["messages"][1]["reasoning_content"], "hm");
    let details = parse(&write(&request, &request_quirks(json!({"reasoning_history": "details"}))).body);
    assert_eq!(details["messages"][1]["reasoning_details"][0], json!({"type": "reasoning.text", "text": "hm", "signature": "s"}));
}

#[test]
fn a_schema_keeps_its_bytes() {
    let schema = r#"{"type":"object","properties":{"x":{"minimum":1.0e1}}}"#;
    let body = format!(
        r#"{{"model":"x","messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}],"response_format":{{"type":"json_schema","json_schema":{{"name":"n","schema":{schema}}}}}}}"#
    );
    let request = OpenAiChat.read_request(body.as_bytes()).unwrap();
    assert!(matches!(&request.output, OutputFormat::JsonSchema { schema: own, .. } if own.get() == schema));
    let written = write(&request, &Quirks::default());
    assert_eq!(String::from_utf8_lossy(&written.body).matches(schema).count(), 2);
}
