use serde_json::{Value, json};

use super::{NO_QUIRKS, reply};
use crate::base::raw::to_raw;
use crate::chat::{
    ApiError, Choice, DialectId, Effort, FinishReason, Media, Message, OutputFormat, Part, PartKind, Reasoning, Request, Response, Role,
    Sampling, Tool, ToolChoice, ToolKind,
};
use crate::dialect::openai_responses::OpenAiResponses;
use crate::dialect::{Dialect, To, proof};

fn message(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() }
}
fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}
fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
fn try_write(request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = OpenAiResponses.write_request(request, &To { model: "gpt-x", quirks: &NO_QUIRKS, want_usage: true })?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}
fn write(request: &Request) -> (Value, Vec<String>) {
    try_write(request).unwrap()
}

#[test]
fn turns_become_items() {
    let call = PartKind::ToolCall { id: "c1".into(), name: "f".into(), arguments: String::new(), custom: false };
    let picture = Media::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let shown = vec![text("see").into(), PartKind::Image { source: picture, detail: None }.into()];
    let thought = |signature: Option<String>| PartKind::Thinking { text: "hm".into(), signature };
    let own = proof::mark(DialectId::OpenAiResponses, "rs_1.gAAA");
    let (body, dropped) = write(&request(vec![
        message(Role::System, vec![text("be brief")]),
        message(Role::User, vec![text("a")]),
        message(Role::Assistant, vec![thought(Some(own)), thought(Some("EqQ".into())), text("b"), call]),
        message(Role::Tool, vec![PartKind::ToolResult { id: "c1".into(), name: None, parts: shown, is_error: false }]),
    ]));
    let image = json!({"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"});
    let expected = json!([
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "be brief"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "see"}, image]},
    ]);
    assert_eq!(body["input"], expected);
    assert_eq!((&body["store"], &body["include"]), (&json!(false), &json!(["reasoning.encrypted_content"])));
    assert_eq!(dropped, ["reasoning_content"]);
    let audio = message(Role::User, vec![PartKind::Audio { format: "wav".into(), data: "A".into() }]);
    assert_eq!(try_write(&request(vec![audio])).unwrap_err().param.as_deref(), Some("input_audio"));
}

#[test]
fn settings_go_to_their_places_and_the_rest_is_named() {
    let mut request = request(vec![message(Role::User, vec![text("a")])]);
    request.sampling = Sampling { max_tokens: Some(5), seed: Some(1), logprobs: Some(true), top_logprobs: Some(3), ..Sampling::default() };
    request.stop = vec!["END".into()];
    request.reasoning = Some(Reasoning::Effort(Effort::Low));
    request.output = OutputFormat::JsonSchema { name: "n".into(), description: None, schema: to_raw(&json!({"a": 1})), strict: None };
    for (key, value) in [("verbosity", json!("low")), ("prompt_cache_key", json!("k")), ("store", json!(true)), ("prediction", json!({}))] {
        request.extra.insert(key.into(), value);
    }
    let function = ToolKind::Function { name: "f".into(), description: None, parameters: None, strict: None };
    request.tools = vec![Tool { kind: function, cache: None }];
    request.tool_choice = Some(ToolChoice::Required);
    request.parallel_tool_calls = Some(false);
    let (body, dropped) = write(&request);
    assert_eq!(
        body["text"],
        json!({"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": false}, "verbosity": "low"})
    );
    assert_eq!((&body["reasoning"], &body["max_output_tokens"]), (&json!({"effort": "low", "summary": "auto"}), &json!(16)));
    assert_eq!(body["tools"], json!([{"type": "function", "name": "f", "parameters": null, "strict": false}]));
    assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&json!("required"), &json!(false)));
    assert_eq!((&body["top_logprobs"], &body["prompt_cache_key"]), (&json!(3), &json!("k")));
    assert_eq!(dropped, ["max_tokens", "stop", "seed", "prediction"]);
    request.sampling.n = Some(2);
    assert_eq!(try_write(&request).unwrap_err().param.as_deref(), Some("n"));
}

#[test]
fn an_answer_repeats_what_was_asked() {
    let asked = json!({"model": "fast", "input": "x", "instructions": "be brief", "temperature": 0.5,
        "tools": [{"type": "custom", "name": "patch"}, {"type": "function", "name": "f", "parameters": {}, "strict": true}], "tool_choice": "required"});
    let call =
        |name: &str, arguments: &str| PartKind::ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into(), custom: false };
    let parts =
        [text("hi"), PartKind::Refusal("no".into()), call("patch", r#"{"input":"*** Begin"}"#), call("f", "")].map(Part::from).into();
    let choices = vec![Choice { parts, finish: FinishReason::ToolCalls, ..Choice::default() }];
    let response = Response { id: Some("chatcmpl-1".into()), choices, ..Response::default() };
    let body: Value = serde_json::from_slice(&OpenAiResponses.write_response(response, &reply(&asked))).unwrap();
    for key in ["instructions", "temperature", "tools", "tool_choice"] {
        assert_eq!(body[key], asked[key], "{key}");
    }
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!((&body["status"], &body["parallel_tool_calls"], &body["model"]), (&json!("completed"), &json!(true), &json!("gpt-x")));
    let [message, custom, function] = &body["output"].as_array().unwrap()[..] else { panic!("{body}") };
    assert_eq!((&message["content"][0]["text"], &message["content"][1]["refusal"]), (&json!("hi"), &json!("no")));
    assert_eq!((&custom["type"], &custom["input"]), (&json!("custom_tool_call"), &json!("*** Begin")));
    assert_eq!((&function["type"], &function["arguments"]), (&json!("function_call"), &json!("{}")));
}

#[test]
fn a_longer_id_than_the_vendor_takes_is_mapped_alike_in_call_and_result() {
    let id = "x".repeat(65);
    let call = PartKind::ToolCall { id: id.clone(), name: "f".into(), arguments: "{}".into(), custom: false };
    let result = PartKind::ToolResult { id, name: None, parts: vec![text("1").into()], is_error: false };
    let (body, dropped) = write(&request(vec![message(Role::Assistant, vec![call]), message(Role::Tool, vec![result])]));
    let (call, result) = (body["input"][0]["call_id"].as_str().unwrap(), &body["input"][1]["call_id"]);
    assert!(call.len() <= 64 && call.starts_with("xxx") && result == call, "{body}");
    assert!(dropped.is_empty());
}
