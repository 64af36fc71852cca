use serde_json::{Value, json};

use crate::chat::{
    ApiError, Citation, DialectId, Effort, FinishReason, Media, OutputFormat, Part, PartKind, Reasoning, Request, Role, ToolChoice,
    ToolKind,
};
use crate::dialect::openai_responses::OpenAiResponses;
use crate::dialect::{Dialect, proof};

fn try_read(body: &Value) -> Result<Request, ApiError> {
    OpenAiResponses.read_request(body.to_string().as_bytes())
}
fn read(body: &Value) -> Request {
    try_read(body).unwrap()
}
fn kinds(parts: &[Part]) -> Vec<PartKind> {
    parts.iter().map(|part| part.kind.clone()).collect()
}
fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}

#[test]
fn items_become_turns() {
    let request = read(&json!({"model": "fast", "instructions": "be brief", "input": [
        {"role": "user", "content": "weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "let me see", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1.50}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "c1", "output": "18"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "done"}]},
        {"role": "developer", "content": [{"type": "input_text", "text": "go on"}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]}));
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool, Role::Developer, Role::Assistant]);
    let call = |id: &str, name: &str, arguments: &str, custom| PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom,
    };
    let signature = Some(proof::mark(DialectId::OpenAiResponses, "rs_1.gAAA"));
    let expected = [
        PartKind::Thinking { text: "hm".into(), signature },
        text("let me see"),
        call("c1", "f", "{\"a\":1.50}", false),
        call("c2", "patch", "*** Begin", true),
    ];
    assert_eq!(kinds(&request.messages[2].parts), expected);
    let result = |id: &str, said: &str| PartKind::ToolResult { id: id.into(), name: None, parts: vec![text(said).into()], is_error: false };
    assert_eq!(kinds(&request.messages[3].parts), [result("c1", "18"), result("c2", "done")]);
    assert!(matches!(&request.messages[5].parts[0].kind, PartKind::Native { dialect: DialectId::OpenAiResponses, .. }));
    assert_eq!(read(&json!({"model": "m", "input": "hi"})).messages[0].parts[0].kind, text("hi"));
}

#[test]
fn settings_tools_and_formats_are_read() {
    let request = read(
        &json!({"model": "m", "input": "x", "max_output_tokens": 9, "temperature": 0.3, "top_logprobs": 2, "stream": true, "store": false,
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"], "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"x": 1.5}, "strict": true},
            {"type": "custom", "name": "p", "format": {"type": "text"}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": false, "user": "u", "metadata": {"k": "v"}, "safety_identifier": "s",
        "service_tier": "flex", "truncation": "auto"}),
    );
    assert_eq!((request.sampling.max_tokens, request.sampling.logprobs, request.sampling.top_logprobs), (Some(9), Some(true), Some(2)));
    assert_eq!((request.reasoning, request.stream), (Some(Reasoning::Effort(Effort::High)), true));
    assert_eq!((request.tool_choice, request.parallel_tool_calls), (Some(ToolChoice::Named("f".into())), Some(false)));
    assert_eq!((request.user.as_deref(), request.service_tier.as_deref()), (Some("u"), Some("flex")));
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["safety_identifier", "verbosity"]);
    assert!(matches!(&request.output, OutputFormat::JsonSchema { name, strict: Some(true), .. } if name == "n"));
    let [function, custom, native] = &request.tools[..] else { panic!() };
    assert!(matches!(&function.kind, ToolKind::Function { parameters: Some(p), strict: Some(true), .. } if p.get() == "{\"x\":1.5}"));
    assert!(matches!(&custom.kind, ToolKind::Custom { .. }));
    assert!(matches!(&native.kind, ToolKind::Native { dialect: DialectId::OpenAiResponses, name, .. } if name == "web_search"));
    assert_eq!(read(&json!({"model": "m", "input": "x", "reasoning": {"effort": "none"}})).reasoning, Some(Reasoning::Off));
}

#[test]
fn media_are_read() {
    let request = read(&json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": "data:image/PNG;base64,AA ==", "detail": "low"}, {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://a/b.pdf"}, {"type": "input_file", "file_data": "BB\n==", "filename": "b.pdf"}
    ]}]}));
    let pdf = Media::Base64 { media_type: "application/pdf".into(), data: "BB==".into() };
    let expected = [
        PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "AA==".into() }, detail: Some("low".into()) },
        PartKind::Image { source: Media::FileId("file-1".into()), detail: None },
        PartKind::Document { source: Media::Url("https://a/b.pdf".into()), name: None },
        PartKind::Document { source: pdf, name: Some("b.pdf".into()) },
    ];
    assert_eq!(kinds(&request.messages[0].parts), expected);
}

#[test]
fn what_needs_a_store_is_refused_by_name() {
    for (field, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!("conv_1")),
        ("prompt", json!({"id": "p"})),
        ("background", json!(true)),
        ("tool_choice", json!({"type": "web_search"})),
    ] {
        let error = try_read(&json!({"model": "m", "input": "x", field: value})).unwrap_err();
        assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some("unsupported_parameter"), Some(field)));
    }
    let error = try_read(&json!({"model": "m", "input": [{"type": "item_reference", "id": "i"}]})).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some("input[0]")));
    let error = try_read(&json!({"model": "m", "input": [{"type": "function_call", "name": "f"}]})).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("input[0].call_id"));
    assert!(try_read(&json!({"model": "m", "input": "x", "previous_response_id": null, "background": false})).is_ok());
}

#[test]
fn whole_answers_are_read_and_what_is_none_is_an_error() {
    let body = json!({"id": "resp_1", "object": "response", "created_at": 7.0, "model": "gpt-x", "status": "completed", "error": null, "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "web_search_call", "id": "ws"},
        {"type": "message", "content": [{"type": "output_text", "text": "hi", "logprobs": [{"token": "hi"}],
            "annotations": [{"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 2}, {"type": "file_citation"}]}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ], "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}});
    let response = OpenAiResponses.read_response(body.to_string().as_bytes()).unwrap();
    let choice = &response.choices[0];
    let call = PartKind::ToolCall { id: "c".into(), name: "f".into(), arguments: "{}".into(), custom: false };
    assert_eq!(kinds(&choice.parts), [PartKind::Thinking { text: "hm".into(), signature: None }, text("hi"), call]);
    let citation = Citation { url: Some("https://a".into()), title: Some("A".into()), start: Some(0), end: Some(2), native: None };
    assert_eq!((choice.finish, &choice.citations[..]), (FinishReason::ToolCalls, &[citation][..]));
    assert_eq!((response.created, response.usage.map(|usage| usage.total())), (Some(7), Some(5)));

    let finish = |status: &str, reason: &str| {
        let body = json!({"status": status, "output": [], "incomplete_details": {"reason": reason}});
        OpenAiResponses.read_response(body.to_string().as_bytes()).unwrap().choices[0].finish
    };
    assert_eq!(finish("incomplete", "max_output_tokens"), FinishReason::Length);
    assert_eq!(finish("incomplete", "content_filter"), FinishReason::ContentFilter);
    for (body, code) in [
        ("{}", "upstream_invalid_response"),
        ("<html>", "upstream_invalid_response"),
        (r#"{"output":[{"type""#, "upstream_invalid_response"),
        (r#"{"status":"queued","output":[]}"#, "upstream_invalid_response"),
        (r#"{"error":{"code":"rate_limit_exceeded","message":"slow"}}"#, "rate_limit_exceeded"),
        (r#"{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"slow"}}"#, "rate_limit_exceeded"),
    ] {
        assert_eq!(OpenAiResponses.read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some(code), "{body}");
    }
}
