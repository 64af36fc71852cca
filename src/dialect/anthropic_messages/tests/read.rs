use serde_json::{Value, json};

use super::NO_QUIRKS;
use crate::chat::{ApiError, DialectId, Effort, Media, OutputFormat, PartKind, Reasoning, Request, Role, ToolChoice, ToolKind};
use crate::dialect::anthropic_messages::AnthropicMessages;
use crate::dialect::anthropic_messages::signature::UNSIGNED;
use crate::dialect::{Dialect, To};

fn read(body: &Value) -> Result<Request, ApiError> {
    AnthropicMessages.read_request(body.to_string().as_bytes())
}

fn write(request: &Request, model: &str) -> Value {
    let written = AnthropicMessages.write_request(request, &To { model, quirks: &NO_QUIRKS, want_usage: false }).unwrap();
    assert!(written.dropped.is_empty(), "{:?}", written.dropped);
    serde_json::from_slice(&written.body).unwrap()
}

/// A turn of an agent's loop, as coding agents send it: every block marked up, results and new text in one turn.
fn agent_request() -> Value {
    json!({
        "model": "claude-sonnet-4-5", "max_tokens": 32000, "stream": true,
        "system": [{"type": "text", "text": "You are an agent."},
                   {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "List the files.", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "I should look.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "blob"},
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls", "timeout": 5}},
                {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "a.rs"}]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true, "content": [
                    {"type": "text", "text": "a picture"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}]},
                {"type": "text", "text": "<reminder>be brief</reminder>"},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "p.pdf"},
                {"type": "container_upload", "file_id": "f1"}]}],
        "tools": [
            {"name": "Bash", "description": "Runs a command", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}},
            {"name": "Read", "input_schema": {"type": "object", "properties": {}}, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "output_config": {"format": {"type": "json_schema", "schema":
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}}},
        "metadata": {"user_id": "user_1"}, "stop_sequences": ["END"], "top_p": 0.99, "service_tier": "auto",
        "context_management": {"edits": []}, "betas_of_tomorrow": [1, 2],
    })
}

#[test]
fn an_agents_request_is_understood() {
    let request = read(&agent_request()).unwrap();
    let roles: Vec<_> = request.messages.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool, Role::User]);
    assert_eq!(request.messages[0].parts[1].cache.as_ref().unwrap().ttl.as_deref(), Some("1h"));
    let PartKind::ToolCall { arguments, .. } = &request.messages[2].parts[3].kind else { panic!() };
    assert_eq!(arguments, r#"{"command":"ls","timeout":5}"#);
    let PartKind::ToolResult { parts, is_error: true, .. } = &request.messages[3].parts[1].kind else { panic!() };
    assert!(matches!(&parts[1].kind, PartKind::Image { source: Media::Base64 { .. }, .. }));
    assert!(matches!(&request.messages[4].parts[2].kind, PartKind::Native { dialect: DialectId::AnthropicMessages, .. }));
    assert!(matches!(&request.tools[2].kind, ToolKind::Native { name, .. } if name == "web_search"));
    assert!(request.tools[1].cache.is_some());
    assert_eq!((request.tool_choice, request.parallel_tool_calls), (Some(ToolChoice::Auto), Some(false)));
    assert_eq!(request.reasoning, Some(Reasoning::Budget(4000)));
    assert!(matches!(request.output, OutputFormat::JsonSchema { .. }));
    assert_eq!((request.user.as_deref(), request.stop.len()), (Some("user_1"), 1));
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["context_management", "betas_of_tomorrow"]);
    assert!(request.stream && request.include_usage);
}

#[test]
fn what_is_read_is_written_back() {
    let mut expected = agent_request();
    let request = read(&expected).unwrap();
    assert_eq!(write(&request, "claude-sonnet-4-5"), expected);
    // Strings are written as the blocks they stand for.
    expected["messages"][0]["content"] = json!("List the files.");
    expected["system"] = json!("You are an agent.");
    let body = write(&read(&expected).unwrap(), "claude-sonnet-4-5");
    assert_eq!(body["system"], json!([{"type": "text", "text": "You are an agent."}]));
    assert_eq!(body["messages"][0]["content"], json!([{"type": "text", "text": "List the files."}]));
}

#[test]
fn thinking_and_effort_become_reasoning_and_come_back() {
    let base = json!({"model": "claude-opus-4-7", "max_tokens": 9000, "messages": [{"role": "user", "content": "x"}]});
    for (thinking, config, expected) in [
        (json!({"type": "adaptive"}), json!({"effort": "xhigh"}), Some(Reasoning::Adaptive { effort: Some(Effort::XHigh) })),
        (json!({"type": "adaptive", "display": "omitted"}), json!({}), Some(Reasoning::Adaptive { effort: None })),
        (json!({"type": "disabled"}), json!({}), Some(Reasoning::Off)),
        (json!({"type": "disabled"}), json!({"effort": "low"}), Some(Reasoning::Off)),
        (Value::Null, json!({"effort": "high", "task_budget": {"type": "tokens", "total": 9}}), Some(Reasoning::Effort(Effort::High))),
        (Value::Null, json!({"effort": "low"}), Some(Reasoning::Effort(Effort::Low))),
        (Value::Null, Value::Null, None),
    ] {
        let mut body = base.clone();
        body["thinking"] = thinking.clone();
        body["output_config"] = config.clone();
        let request = read(&body).unwrap();
        assert_eq!(request.reasoning, expected, "{thinking} {config}");
        let written = write(&request, "claude-opus-4-7");
        if config != json!({}) {
            assert_eq!(written.get("output_config").unwrap_or(&Value::Null), &config);
        }
        // Thinking is shown by default, as it was before there was a choice.
        if thinking != json!({"type": "adaptive"}) {
            assert_eq!(written.get("thinking").unwrap_or(&Value::Null), &thinking);
        }
    }
}

#[test]
fn a_made_up_signature_is_taken_out_again() {
    let block = json!({"type": "thinking", "thinking": "hm", "signature": UNSIGNED});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": [block, {"type": "text", "text": "y"}]}, {"role": "user", "content": "z"}]});
    let request = read(&body).unwrap();
    assert_eq!(request.messages[1].parts[0].kind, PartKind::Thinking { text: "hm".into(), signature: None });
    assert_eq!(write(&request, "m")["messages"][1]["content"], json!([{"type": "text", "text": "y"}]));
}

#[test]
fn system_turns_keep_their_place_for_the_same_dialect() {
    let body = json!({"model": "claude-opus-5", "max_tokens": 9, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}]}, {"role": "system", "content": [{"type": "text", "text": "now"}]},
        {"role": "user", "content": [{"type": "text", "text": "y"}]}]});
    let request = read(&body).unwrap();
    assert_eq!(request.messages[1].role, Role::System);
    assert_eq!(write(&request, "claude-opus-5"), body);
}

#[test]
fn wrong_types_are_refused_by_path_and_never_quoted() {
    let base = agent_request();
    for (pointer, value, param) in [
        ("/temperature", json!("hot"), "temperature"),
        ("/top_k", json!(-1), "top_k"),
        ("/stop_sequences", json!("END"), "stop_sequences"),
        ("/messages/0/content", json!(5), "messages[0].content"),
        ("/messages/1/content/3/id", json!(null), "messages[1].content[3]"),
        ("/messages/2/content/1/content/1/source", json!("SECRET"), "messages[2].content[1].content[1]"),
        ("/tools/0/name", json!(7), "tools[0]"),
        ("/tool_choice/type", json!("SECRET"), "tool_choice"),
        ("/thinking/type", json!("SECRET"), "thinking.type"),
        ("/output_config/effort", json!("SECRET"), "output_config.effort"),
        ("/metadata/user_id", json!(1), "metadata.user_id"),
    ] {
        let mut body = base.clone();
        match body.pointer_mut(pointer) {
            Some(slot) => *slot = value,
            None => {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap()[key] = value;
            }
        }
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{pointer}");
        assert!(!error.message.contains("SECRET"));
    }
}
