use serde_json::{Value, json};

use super::quirks;
use crate::base::raw::to_raw;
use crate::chat::{
    ApiError, CacheHint, DialectId, Effort, Media, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, Tool, ToolChoice,
    ToolKind,
};
use crate::dialect::dashscope::DashScope;
use crate::dialect::{Dialect, Envelope, To};

const TEXT: &str = "/services/aigc/text-generation/generation";
const MULTIMODAL: &str = "/services/aigc/multimodal-generation/generation";

fn message(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() }
}
fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}
fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
fn write_for(model: &str, request: &Request) -> Result<(Value, Vec<String>, Envelope), ApiError> {
    let quirks = quirks();
    let to = To { model, quirks: &quirks, want_usage: true };
    let written = DashScope.write_request(request, &to)?;
    let envelope = DashScope.envelope(&to, request.stream, &written.body);
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect(), envelope))
}
fn write(request: &Request) -> (Value, Vec<String>, Envelope) {
    write_for("qwen-plus", request).unwrap()
}
fn streams(envelope: &Envelope) -> bool {
    envelope.headers.contains(&("x-dashscope-sse", "enable"))
}

#[test]
fn what_is_openais_moves_under_input_and_parameters() {
    let mut asked = request(vec![
        message(Role::Developer, vec![text("be brief")]),
        message(Role::User, vec![text("a"), text("b")]),
        message(Role::Assistant, vec![PartKind::ToolCall { id: "1".into(), name: "f".into(), arguments: String::new(), custom: false }]),
        message(Role::Tool, vec![PartKind::ToolResult { id: "1".into(), name: None, parts: vec![text("18").into()], is_error: false }]),
    ]);
    asked.sampling.max_tokens = Some(9);
    asked.sampling.top_k = Some(3);
    asked.stop = vec!["END".into()];
    asked.reasoning = Some(Reasoning::Budget(777));
    asked.extra.insert("enable_search".into(), true.into());
    let (body, dropped, envelope) = write(&asked);
    assert_eq!(body["model"], "qwen-plus");
    assert_eq!(body["input"]["messages"][1], json!({"role": "user", "content": "a\nb"}));
    assert_eq!(body["input"]["messages"][2]["content"], "");
    assert_eq!(body["input"]["messages"][2]["tool_calls"][0]["function"]["arguments"], "{}");
    let expected = json!({"result_format": "message", "max_tokens": 9, "top_k": 3, "stop": ["END"], "enable_thinking": true,
        "thinking_budget": 777, "enable_search": true});
    let mut parameters = body["parameters"].clone();
    assert_eq!(parameters.as_object_mut().unwrap().remove("incremental_output"), Some(json!(true)), "thinking comes in streams only");
    assert_eq!((parameters, dropped.len()), (expected, 0));
    assert!(streams(&envelope) && envelope.path == TEXT && body.get("stream").is_none());
}

#[test]
fn a_stream_is_asked_for_in_the_header_and_bit_by_bit() {
    let mut asked = request(vec![message(Role::User, vec![text("a")])]);
    let (body, _, envelope) = write(&asked);
    assert_eq!((&body["parameters"], streams(&envelope)), (&json!({"result_format": "message"}), false));
    assert!(streams(&write_for("qwq-plus", &asked).unwrap().2), "a model that knows nothing else");
    asked.stream = true;
    let (body, _, envelope) = write(&asked);
    assert_eq!((&body["parameters"], streams(&envelope)), (&json!({"result_format": "message", "incremental_output": true}), true));
}

#[test]
fn media_choose_the_path_and_make_all_content_lists() {
    let picture =
        PartKind::Image { source: Media::Base64 { media_type: "image/png".into(), data: "iVBO".into() }, detail: Some("low".into()) };
    let sound = PartKind::Audio { format: "wav".into(), data: "UklG".into() };
    let film = PartKind::Native {
        dialect: DialectId::OpenAiChat,
        value: json!({"type": "video_url", "video_url": {"url": "https://v"}, "fps": 2}),
    };
    let asked = request(vec![message(Role::System, vec![text("s")]), message(Role::User, vec![picture, sound, film, text("t")])]);
    let (body, dropped, envelope) = write(&asked);
    let expected = json!([
        {"role": "system", "content": [{"text": "s"}]},
        {"role": "user", "content": [
            {"image": "data:image/png;base64,iVBO"}, {"audio": "data:audio/wav;base64,UklG"}, {"video": "https://v", "fps": 2}, {"text": "t"}]},
    ]);
    assert_eq!((&body["input"]["messages"], envelope.path.as_ref()), (&expected, MULTIMODAL));
    assert_eq!(dropped, ["detail"]);
    let (body, _, envelope) = write_for("qwen-vl-max", &request(vec![message(Role::User, vec![text("t")])])).unwrap();
    assert_eq!((&body["input"]["messages"][0]["content"], envelope.path.as_ref()), (&json!([{"text": "t"}]), MULTIMODAL));
    let mut cached = request(vec![message(Role::User, vec![text("long"), text("short")])]);
    cached.messages[0].parts[0].cache = Some(CacheHint { ttl: None });
    let (body, _, envelope) = write(&cached);
    let expected = json!([{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "short"}]);
    assert_eq!((&body["input"]["messages"][0]["content"], envelope.path.as_ref()), (&expected, TEXT));
}

#[test]
fn what_thinking_excludes_is_left_out_and_named() {
    let mut asked = request(vec![message(Role::User, vec![text("a")])]);
    let kind =
        ToolKind::Function { name: "f".into(), description: None, parameters: Some(to_raw(&json!({"type": "object"}))), strict: None };
    asked.tools = vec![Tool { kind, cache: None }];
    asked.tool_choice = Some(ToolChoice::Named("f".into()));
    asked.output = OutputFormat::JsonObject;
    let (body, dropped, _) = write(&asked);
    assert_eq!(body["parameters"]["tool_choice"]["function"]["name"], "f");
    assert_eq!((&body["parameters"]["response_format"], dropped.len()), (&json!({"type": "json_object"}), 0));
    assert!(body["input"]["messages"][0]["content"].as_str().unwrap().contains("JSON"), "the word has to be in the prompt");
    asked.reasoning = Some(Reasoning::Effort(Effort::High));
    let (body, dropped, _) = write(&asked);
    assert_eq!((&body["parameters"]["thinking_budget"], body["parameters"].get("tool_choice")), (&json!(24576), None));
    assert_eq!(dropped, ["tool_choice", "response_format"]);
    asked.tool_choice = Some(ToolChoice::Auto);
    asked.extra.insert("web_search_options".into(), json!({"search_context_size": "low"}));
    let (body, dropped, _) = write(&asked);
    assert_eq!((&body["parameters"]["tool_choice"], &body["parameters"]["enable_search"]), (&json!("auto"), &json!(true)));
    assert_eq!(dropped, ["web_search_options", "response_format"]);
}
