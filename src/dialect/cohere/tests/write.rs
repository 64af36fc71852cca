use serde_json::{Number, Value, json};

use super::{NO_QUIRKS, call, message, result, text, thinking};
use crate::base::raw::to_raw;
use crate::chat::{
    ApiError, DialectId, Media, Message, OutputFormat, PartKind, Reasoning, Request, Role, Sampling, Tool, ToolChoice, ToolKind,
};
use crate::dialect::cohere::Cohere;
use crate::dialect::{Dialect, To};

fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
fn asking() -> Request {
    request(vec![message(Role::User, vec![text("a")])])
}
fn write_for(model: &str, request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = Cohere.write_request(request, &To { model, quirks: &NO_QUIRKS, want_usage: true })?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}
fn write(request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    write_for("command-a-reasoning-08-2025", request)
}
fn function(name: &str, strict: bool, required: bool) -> Tool {
    let parameters = required.then(|| to_raw(&json!({"type": "object", "properties": {"a": {}}, "required": ["a"]})));
    Tool { kind: ToolKind::Function { name: name.into(), description: None, parameters, strict: strict.then_some(true) }, cache: None }
}

#[test]
fn calls_have_a_plan_and_each_result_is_a_message() {
    let image = PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "AA".into() }, detail: Some("low".into()) };
    let failed = PartKind::ToolResult { id: "2".into(), name: None, parts: vec![text("two").into()], is_error: true };
    let conversation = request(vec![
        message(Role::Developer, vec![text("be brief")]),
        message(Role::User, vec![text("look"), image.clone()]),
        message(Role::Assistant, vec![thinking("hm"), text("I"), text("look"), call("1", "f", r#"{"x":1.50}"#), call("2", "g", "")]),
        message(Role::Tool, vec![result("1", vec![text("one"), image]), failed]),
        message(Role::Assistant, vec![]),
        message(Role::User, vec![text("go on")]),
    ]);
    let (body, dropped) = write(&conversation).unwrap();
    let named =
        |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}});
    let note = json!({"type": "text", "text": "[image left out: the model cannot read it here]"});
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, picture]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}], "tool_plan": "I\nlook",
            "tool_calls": [named("1", "f", r#"{"x":1.50}"#), named("2", "g", "{}")]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "one"}, note]},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "Error:"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "."},
        {"role": "user", "content": "go on"},
    ]);
    assert_eq!((&body["messages"], &body["stream"], dropped), (&expected, &json!(false), vec!["tool_result_image".to_owned()]));
    let (plain, _) = write_for("command-a-03-2025", &conversation).unwrap();
    assert_eq!(plain["messages"][2].get("content"), None, "a model that cannot think is told no thinking");
    for (part, param) in [
        (PartKind::Image { source: Media::FileId("f".into()), detail: None }, "image_url"),
        (PartKind::Audio { format: "wav".into(), data: "A".into() }, "input_audio"),
        (PartKind::Document { source: Media::FileId("f".into()), name: None }, "file"),
    ] {
        let error = write(&request(vec![message(Role::User, vec![part])])).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    }
}

#[test]
fn settings_go_to_their_places_and_the_rest_is_named() {
    let mut request = asking();
    request.sampling = Sampling {
        max_tokens: Some(9),
        top_p: Some(1.into()),
        temperature: Number::from_f64(0.5),
        frequency_penalty: Some((-1).into()),
        top_k: Some(3),
        seed: Some(4),
        logprobs: Some(true),
        top_logprobs: Some(2),
        ..Sampling::default()
    };
    request.stop = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
    request.user = Some("u".into());
    request.reasoning = Some(Reasoning::Off);
    request.output = OutputFormat::JsonObject;
    request.extra.insert("store".into(), true.into());
    let (body, dropped) = write(&request).unwrap();
    let expected = json!({"model": "command-a-reasoning-08-2025", "messages": [{"role": "user", "content": "a"}],
        "response_format": {"type": "json_object"}, "thinking": {"type": "disabled"}, "max_tokens": 9, "temperature": 0.5, "p": 0.99,
        "frequency_penalty": 0.0, "k": 3, "seed": 4, "logprobs": true, "stop_sequences": ["a", "b", "c", "d", "e"], "stream": false});
    assert_eq!(body, expected);
    assert_eq!(dropped, ["top_p", "frequency_penalty", "stop", "top_logprobs", "user", "store"]);
    request.sampling.n = Some(2);
    assert_eq!(write(&request).unwrap_err().param.as_deref(), Some("n"));
}

#[test]
fn a_choice_of_tools_is_a_choice_of_what_is_offered() {
    let all = || vec![function("f", false, true), function("g", false, false)];
    let names =
        |body: &Value| body["tools"].as_array().map(|tools| tools.iter().map(|t| t["function"]["name"].clone()).collect::<Vec<_>>());
    for (choice, offered, word) in [
        (None, json!(["f", "g"]), None),
        (Some(ToolChoice::Auto), json!(["f", "g"]), None),
        (Some(ToolChoice::None), json!(["f", "g"]), Some("NONE")),
        (Some(ToolChoice::Required), json!(["f", "g"]), Some("REQUIRED")),
        (Some(ToolChoice::Named("g".into())), json!(["g"]), Some("REQUIRED")),
        (Some(ToolChoice::Allowed { names: vec!["f".into()], required: false }), json!(["f"]), None),
        (Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }), json!(["f"]), Some("REQUIRED")),
    ] {
        let (body, dropped) = write(&Request { tools: all(), tool_choice: choice, ..asking() }).unwrap();
        assert_eq!((names(&body).map(Value::Array), body.get("tool_choice").and_then(Value::as_str)), (Some(offered), word));
        assert!(dropped.is_empty());
    }
    let (body, _) = write(&Request { tools: all(), ..asking() }).unwrap();
    assert_eq!(body["tools"][1]["function"]["parameters"], json!({"type": "object", "properties": {}}), "a schema has to be there");
    for (tools, choice) in [(all(), ToolChoice::Named("h".into())), (Vec::new(), ToolChoice::Required)] {
        let error = write(&Request { tools, tool_choice: Some(choice), ..asking() }).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("tool_choice"));
    }
}

#[test]
fn all_tools_are_strict_or_none() {
    for (tools, strict, dropped) in [
        (vec![function("f", true, true)], json!(true), vec![]),
        (vec![function("f", true, true), function("g", false, true)], Value::Null, vec!["strict"]),
        (vec![function("f", true, true), function("g", true, false)], Value::Null, vec!["strict"]),
        (vec![function("f", false, true)], Value::Null, vec![]),
        (vec![], Value::Null, vec![]),
    ] {
        let (body, lost) = write(&Request { tools, ..asking() }).unwrap();
        assert_eq!((&body["strict_tools"], lost), (&strict, dropped.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn a_format_goes_only_without_tools() {
    let schema = to_raw(&json!({"type": "object", "required": ["a"]}));
    let output = || OutputFormat::JsonSchema { name: "n".into(), description: None, schema: schema.clone(), strict: Some(true) };
    let (body, _) = write(&Request { output: output(), ..asking() }).unwrap();
    assert_eq!(body["response_format"], json!({"type": "json_object", "json_schema": {"type": "object", "required": ["a"]}}));
    let both = Request { output: output(), tools: vec![function("f", false, true)], ..asking() };
    let error = write(&both).unwrap_err();
    assert_eq!((error.status, error.param.as_deref()), (400, Some("response_format")));
    let (body, _) = write(&Request { tool_choice: Some(ToolChoice::None), ..both }).unwrap();
    assert_eq!((body.get("tools"), body.get("tool_choice")), (None, None));
}
