use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::chat::{ApiError, DialectId, Media, PartKind, Reasoning, Request, Role, ToolChoice};
use crate::dialect::Dialect;
use crate::dialect::dashscope::DashScope;

const PATH: &str = "/api/v1/services/aigc/text-generation/generation";

fn read(body: &Value) -> Result<Request, ApiError> {
    DashScope.read_request(body.to_string().as_bytes())
}

#[test]
fn path_and_headers_become_part_of_the_body() {
    let with = |path: &str, header: Option<(&'static str, &'static str)>| {
        let headers: HeaderMap = header.into_iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect();
        let body = DashScope.with_head(path, &headers, Bytes::from_static(b"{\"model\":\"m\",\"input\":{\"messages\":[]}}"));
        let value: Value = serde_json::from_slice(&body).unwrap();
        (value["task"].clone(), DashScope.view(&body).unwrap().stream)
    };
    assert_eq!(with(PATH, None), (json!("text-generation"), false));
    assert_eq!(with(PATH, Some(("x-dashscope-sse", "enable"))), (json!("text-generation"), true));
    assert_eq!(with(PATH, Some(("accept", "text/event-stream"))), (json!("text-generation"), true));
    assert_eq!(with("/api/v1/services/aigc/multimodal-generation/generation", None), (json!("multimodal-generation"), false));
    let broken = Bytes::from_static(b"{\"model\":");
    assert_eq!(DashScope.with_head(PATH, &HeaderMap::new(), broken.clone()), broken);
    let as_openai = DashScope.with_head(PATH, &HeaderMap::new(), Bytes::from_static(b"{\"model\":\"m\",\"stream\":true,\"input\":\"x\"}"));
    assert!(DashScope.view(&as_openai).unwrap().stream);
}

#[test]
fn a_clients_request_is_read() {
    let read = read(&json!({"model": "fast", "task": "text-generation", "stream": true,
        "input": {"messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"image": "https://a/b.png", "min_pixels": 9}, {"audio": "data:audio/mp3;base64,AAAA"}, {"text": "look"},
                {"video": ["https://a/1.jpg"], "fps": 2}, {"audio": "https://a/c.wav"}]},
            {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.50}"}}]},
            {"role": "tool", "content": "18", "tool_call_id": "c1", "name": "f"},
            {"role": "assistant", "content": "It is", "partial": true},
        ]},
        "parameters": {"result_format": "message", "incremental_output": true, "max_tokens": 7, "top_k": 50, "seed": 3, "stop": "x",
            "enable_thinking": true, "thinking_budget": 100, "enable_search": true, "repetition_penalty": 1.1, "parallel_tool_calls": true,
            "vl_high_resolution_images": false, "tool_choice": {"type": "function", "function": {"name": "f"}},
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}}))
    .unwrap();
    assert_eq!((read.origin, read.stream, read.sampling.max_tokens), (DialectId::DashScope, true, Some(7)));
    assert_eq!((read.reasoning, read.stop, read.sampling.seed), (Some(Reasoning::Budget(100)), vec!["x".to_owned()], Some(3)));
    assert_eq!((read.tools.len(), read.tool_choice, read.sampling.top_k), (1, Some(ToolChoice::Named("f".into())), Some(50)));
    let names: Vec<&str> = read.extra.keys().map(String::as_str).collect();
    assert_eq!(names, ["enable_search", "repetition_penalty", "min_pixels", "partial"], "what no other vendor knows is named");
    let kinds = |at: usize| read.messages[at].parts.iter().map(|part| part.kind.clone()).collect::<Vec<_>>();
    let native = |value| PartKind::Native { dialect: DialectId::DashScope, value };
    assert_eq!(
        kinds(1),
        [
            PartKind::Image { source: Media::Url("https://a/b.png".into()), detail: None },
            PartKind::Audio { format: "mp3".into(), data: "AAAA".into() },
            PartKind::Text("look".into()),
            native(json!({"type": "video", "video": ["https://a/1.jpg"], "fps": 2})),
            native(json!({"type": "audio", "audio": "https://a/c.wav"})),
        ]
    );
    assert!(
        matches!(&kinds(2)[..], [PartKind::Thinking { .. }, PartKind::Text(_), PartKind::ToolCall { arguments, .. }] | [PartKind::Thinking { .. }, PartKind::ToolCall { arguments, .. }] if arguments == "{\"x\": 1.50}")
    );
    assert_eq!((read.messages[3].role, read.messages.len()), (Role::Tool, 5));
}

#[test]
fn older_clients_send_a_prompt_with_a_history() {
    let request = read(&json!({"model": "m", "input": {"prompt": "c", "history": [{"user": "a", "bot": "b"}]},
        "parameters": {"enable_thinking": false, "stop": [[37763, 367]]}}))
    .unwrap();
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    assert_eq!((request.reasoning, request.stop.len()), (Some(Reasoning::Off), 0));
    assert!(request.extra.contains_key("stop"), "token numbers are told, not lost");
    let effort = read(&json!({"model": "m", "input": {"prompt": "c"}, "parameters": {"enable_thinking": true, "reasoning_effort": "low"}}));
    assert!(matches!(effort.unwrap().reasoning, Some(Reasoning::Effort(_))));
}

#[test]
fn bad_shapes_are_named() {
    let good = json!({"model": "m", "input": {"messages": [{"role": "user", "content": "a"}]}, "parameters": {}});
    for (key, value, code, param) in [
        ("model", json!(null), "missing_required_parameter", "model"),
        ("model", json!(""), "invalid_value", "model"),
        ("input", json!(null), "missing_required_parameter", "input"),
        ("input", json!(1), "invalid_type", "input"),
        ("input", json!({}), "missing_required_parameter", "input.messages"),
        ("input", json!({"messages": [1]}), "invalid_type", "input.messages[0]"),
        ("input", json!({"messages": [{"role": "root"}]}), "invalid_value", "messages[0].role"),
        ("parameters", json!({"max_tokens": "x"}), "invalid_type", "parameters.max_completion_tokens"),
        ("parameters", json!({"thinking_budget": "x"}), "invalid_type", "parameters.thinking_budget"),
        ("parameters", json!([]), "invalid_type", "parameters"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.code.as_deref(), error.param.as_deref()), (400, Some(code), Some(param)), "{body}");
    }
    assert!(read(&good).is_ok());
    assert_eq!(DashScope.view(b"{\"model\":").unwrap_err().code.as_deref(), Some("invalid_json"));
}
