use serde_json::{Value, json};

use super::QUIRKS;
use crate::base::raw::to_raw;
use crate::chat::{
    ApiError, DialectId, Effort, Media, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, Sampling, Tool, ToolChoice,
    ToolKind,
};
use crate::dialect::ollama::Ollama;
use crate::dialect::{Dialect, To};

fn message(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() }
}
fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}
fn call(id: &str, name: &str, arguments: &str) -> PartKind {
    PartKind::ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), custom: false }
}
fn result(id: &str, said: &str) -> PartKind {
    PartKind::ToolResult { id: id.into(), name: None, parts: vec![text(said).into()], is_error: false }
}
fn picture() -> PartKind {
    PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "iVBO".into() }, detail: None }
}
fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
fn write_for(model: &str, request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = Ollama.write_request(request, &To { model, quirks: &QUIRKS, want_usage: true })?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}
fn write(request: &Request) -> (Value, Vec<String>) {
    write_for("qwen3", request).unwrap()
}
fn read(body: &Value) -> Result<Request, ApiError> {
    Ollama.read_request(body.to_string().as_bytes())
}

#[test]
fn messages_are_texts_with_images_and_calls_beside_them() {
    let (body, dropped) = write(&request(vec![
        message(Role::Developer, vec![text("be brief")]),
        message(Role::User, vec![text("look"), picture(), text("here")]),
        message(
            Role::Assistant,
            vec![PartKind::Thinking { text: "hm".into(), signature: None }, call("1", "f", r#"{"x":1.50}"#), call("2", "g", "")],
        ),
        message(Role::Tool, vec![result("2", "two")]),
        message(Role::Tool, vec![result("1", "one")]),
        message(Role::User, vec![text("go on")]),
    ]));
    let expected = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "look\nhere", "images": ["iVBO"]},
        {"role": "assistant", "content": "", "thinking": "hm",
            "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}, {"function": {"name": "g", "arguments": {}}}]},
        {"role": "tool", "content": "one", "tool_name": "f"},
        {"role": "tool", "content": "two", "tool_name": "g"},
        {"role": "user", "content": "go on"},
    ]);
    assert_eq!((&body["messages"], &body["stream"], dropped.len()), (&expected, &json!(false), 0));
    for (part, param) in [
        (PartKind::Image { source: Media::Url("https://a".into()), detail: None }, "image_url"),
        (PartKind::Audio { format: "wav".into(), data: "A".into() }, "input_audio"),
        (PartKind::Document { source: Media::FileId("f".into()), name: None }, "file"),
    ] {
        let error = write_for("qwen3", &request(vec![message(Role::User, vec![part])])).unwrap_err();
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
    }
}

#[test]
fn settings_go_to_their_places_and_the_rest_is_named() {
    let mut request = request(vec![message(Role::User, vec![text("a")])]);
    request.sampling =
        Sampling { max_tokens: Some(9), top_k: Some(3), seed: Some(4), logprobs: Some(true), top_logprobs: Some(2), ..Sampling::default() };
    request.stop = vec!["END".into()];
    request.user = Some("u".into());
    request.output =
        OutputFormat::JsonSchema { name: "n".into(), description: None, schema: to_raw(&json!({"type": "object"})), strict: None };
    request.extra.insert("store".into(), true.into());
    let function = |name: &str| Tool {
        kind: ToolKind::Function { name: name.into(), description: None, parameters: None, strict: None },
        cache: None,
    };
    request.tools = vec![function("f"), function("g")];
    request.tool_choice = Some(ToolChoice::Named("g".into()));
    let (body, dropped) = write(&request);
    assert_eq!(body["options"], json!({"num_predict": 9, "top_k": 3, "seed": 4, "stop": ["END"]}));
    assert_eq!((&body["format"], &body["logprobs"], &body["top_logprobs"]), (&json!({"type": "object"}), &json!(true), &json!(2)));
    let only =
        json!([{"type": "function", "function": {"name": "g", "description": "", "parameters": {"type": "object", "properties": {}}}}]);
    assert_eq!(body["tools"], only);
    assert_eq!(dropped, ["tool_choice", "user", "store"]);
    request.tool_choice = Some(ToolChoice::None);
    assert_eq!(write(&request).0.get("tools"), None);
    for (model, reasoning, expected) in [
        ("qwen3", Reasoning::Effort(Effort::High), json!(true)),
        ("qwen3", Reasoning::Off, json!(false)),
        ("gpt-oss:20b", Reasoning::Effort(Effort::High), json!("high")),
        ("gpt-oss:20b", Reasoning::Off, json!("low")),
    ] {
        request.reasoning = Some(reasoning);
        assert_eq!(write_for(model, &request).unwrap().0["think"], expected);
    }
    request.sampling.n = Some(2);
    assert_eq!(write_for("qwen3", &request).unwrap_err().param.as_deref(), Some("n"));
}

#[test]
fn a_clients_request_is_read() {
    let read = read(&json!({"model": "fast", "keep_alive": "5m", "think": "low", "format": "json", "logprobs": true,
        "options": {"num_predict": 7, "num_ctx": 8192, "stop": "x", "temperature": 0.5},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "messages": [
            {"role": "user", "content": "look", "images": ["/9j/"]},
            {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"function": {"name": "g"}}]},
            {"role": "tool", "tool_name": "g", "content": "two"}, {"role": "tool", "content": "one"},
        ]}))
    .unwrap();
    assert!(read.stream, "it streams unless told otherwise");
    assert_eq!(
        (read.sampling.max_tokens, read.stop, read.reasoning),
        (Some(7), vec!["x".to_owned()], Some(Reasoning::Effort(Effort::Low)))
    );
    assert!(matches!(read.output, OutputFormat::JsonObject));
    assert_eq!(Value::Object(read.extra), json!({"options": {"num_ctx": 8192}}));
    let kinds = |at: usize| read.messages[at].parts.iter().map(|part| part.kind.clone()).collect::<Vec<_>>();
    let jpeg = PartKind::Image { source: Media::Base64 { media_type: "image/jpeg".into(), data: "/9j/".into() }, detail: None };
    assert_eq!(kinds(0), [text("look"), jpeg]);
    let thinking = PartKind::Thinking { text: "hm".into(), signature: None };
    assert_eq!(kinds(1), [thinking, call("call_1", "f", "{\"a\":1}"), call("call_2", "g", "{}")]);
    let named = |id: &str, name: &str, said: &str| PartKind::ToolResult {
        id: id.into(),
        name: Some(name.into()),
        parts: vec![text(said).into()],
        is_error: false,
    };
    assert_eq!(kinds(2), [named("call_2", "g", "two"), named("call_1", "f", "one")]);
}

#[test]
fn bad_shapes_are_named() {
    let good = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    for (key, value, code, param) in [
        ("model", json!(null), "missing_required_parameter", "model"),
        ("model", json!(""), "invalid_value", "model"),
        ("stream", json!("yes"), "invalid_type", "stream"),
        ("messages", json!("a"), "invalid_type", "messages"),
        ("messages", json!([1]), "invalid_type", "messages[0]"),
        ("messages", json!([{"role": "root"}]), "invalid_value", "messages[0].role"),
        ("options", json!({"num_predict": "x"}), "invalid_type", "options.num_predict"),
        ("format", json!("xml"), "invalid_value", "format"),
        ("think", json!(5), "invalid_type", "think"),
    ] {
        let mut body = good.clone();
        body[key] = value;
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.code.as_deref(), error.param.as_deref()), (400, Some(code), Some(param)), "{body}");
    }
    assert!(Ollama.view(good.to_string().as_bytes()).is_ok());
    assert_eq!(Ollama.view(b"{\"model\":").unwrap_err().code.as_deref(), Some("invalid_json"));
}
