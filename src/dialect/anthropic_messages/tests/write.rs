use serde_json::{Value, json};

use super::NO_QUIRKS;
use crate::base::raw::to_raw;
use crate::chat::{ApiError, DialectId, Media, Message, Part, PartKind, Request, Role, Tool, ToolKind};
use crate::dialect::anthropic_messages::AnthropicMessages;
use crate::dialect::{Dialect, Quirks, To};

const MODEL: &str = "claude-sonnet-4-5";

pub(super) fn say(role: Role, text: &str) -> Message {
    Message { role, name: None, parts: vec![Part::from(PartKind::Text(text.into()))] }
}
pub(super) fn call(id: &str, arguments: &str) -> Part {
    Part::from(PartKind::ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into(), custom: false })
}
pub(super) fn result(id: &str, text: &str) -> Message {
    let parts = vec![Part::from(PartKind::Text(text.into()))];
    let part = Part::from(PartKind::ToolResult { id: id.into(), name: None, parts, is_error: false });
    Message { role: Role::Tool, name: None, parts: vec![part] }
}
pub(super) fn assistant(parts: Vec<Part>) -> Message {
    Message { role: Role::Assistant, name: None, parts }
}
pub(super) fn request(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::new(DialectId::OpenAiChat, "fast") }
}
pub(super) fn hello() -> Request {
    request(vec![say(Role::User, "hello")])
}
pub(super) fn function(name: &str, parameters: Option<Value>) -> Tool {
    let parameters = parameters.map(|p| to_raw(&p));
    Tool { kind: ToolKind::Function { name: name.into(), description: None, parameters, strict: None }, cache: None }
}

pub(super) fn write_for(model: &str, request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    write_with(&NO_QUIRKS, model, request)
}
pub(super) fn write_with(quirks: &Quirks, model: &str, request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = AnthropicMessages.write_request(request, &To { model, quirks, want_usage: true })?;
    let dropped = written.dropped.iter().map(str::to_owned).collect();
    Ok((serde_json::from_slice(&written.body).unwrap(), dropped))
}
pub(super) fn write(request: &Request) -> (Value, Vec<String>) {
    write_for(MODEL, request).unwrap()
}
fn messages(list: Vec<Message>) -> Value {
    write(&request(list)).0["messages"].take()
}
pub(super) fn refused(request: &Request) -> (String, String) {
    let error = write_for(MODEL, request).unwrap_err();
    assert_eq!(error.status, 400);
    (error.code.unwrap().into_owned(), error.param.unwrap())
}

#[test]
fn the_least_request_gets_what_the_vendor_requires() {
    let (body, dropped) = write(&hello());
    let expected =
        json!({"model": MODEL, "max_tokens": 64000, "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]});
    assert_eq!(body, expected);
    assert!(dropped.is_empty());
}

#[test]
fn leading_system_text_is_hoisted_and_later_text_stays_in_place() {
    let (body, _) = write(&request(vec![
        say(Role::System, "one"),
        say(Role::Developer, "two"),
        say(Role::User, "hi"),
        say(Role::Assistant, "ho"),
        say(Role::System, "late"),
        say(Role::User, "again"),
    ]));
    assert_eq!(body["system"], json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]));
    assert_eq!(body["messages"][2]["content"], json!([{"type": "text", "text": "late"}, {"type": "text", "text": "again"}]));
}

#[test]
fn turns_alternate_and_start_with_the_user() {
    let turns = messages(vec![
        say(Role::Assistant, "welcome"),
        say(Role::User, "a"),
        say(Role::Assistant, ""),
        say(Role::User, "b"),
        say(Role::Assistant, "c "),
        say(Role::Assistant, "d \n"),
    ]);
    let roles: Vec<_> = turns.as_array().unwrap().iter().map(|t| t["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
    assert_eq!(turns[2]["content"].as_array().unwrap().len(), 2);
    assert_eq!(turns[3]["content"][1]["text"], "d", "a prefill may not end in white space");
    assert_eq!(messages(vec![say(Role::System, "only")])[0]["role"], "user");
    let (newer, _) = write_for("claude-sonnet-4-6", &request(vec![say(Role::User, "a"), say(Role::Assistant, "b")])).unwrap();
    assert_eq!(newer["messages"][2]["role"], "user", "newer models take no prefill");
}

#[test]
fn results_stand_first_in_the_turn_in_the_order_they_came() {
    let turns = messages(vec![
        say(Role::User, "go"),
        assistant(vec![call("a", "{\"x\": 1}"), call("b", ""), Part::from(PartKind::Text("look".into()))]),
        result("b", "B"),
        say(Role::User, "and?"),
        result("a", "A"),
    ]);
    let kinds = |turn: &Value| turn["content"].as_array().unwrap().iter().map(|b| b["type"].to_string()).collect::<Vec<_>>();
    assert_eq!(kinds(&turns[1]), ["\"text\"", "\"tool_use\"", "\"tool_use\""]);
    assert_eq!((&turns[1]["content"][1]["input"], &turns[1]["content"][2]["input"]), (&json!({"x": 1}), &json!({})));
    assert_eq!(kinds(&turns[2]), ["\"tool_result\"", "\"tool_result\"", "\"text\""]);
    assert_eq!((&turns[2]["content"][0]["tool_use_id"], &turns[2]["content"][1]["tool_use_id"]), (&json!("b"), &json!("a")));
}

#[test]
fn ids_are_made_acceptable_and_unique() {
    let round = |id: &str| [assistant(vec![call(id, "{}")]), result(id, "r")];
    let turns = messages([vec![say(Role::User, "go")], round("x.1").into(), round("x.1").into()].concat());
    let used: Vec<_> = [1, 3].map(|at| turns[at]["content"][0]["id"].as_str().unwrap().to_owned()).into();
    let answered: Vec<_> = [2, 4].map(|at| turns[at]["content"][0]["tool_use_id"].as_str().unwrap().to_owned()).into();
    assert_eq!(used, answered);
    assert_ne!(used[0], used[1]);
    assert!(used.iter().all(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')));
}

#[test]
fn orphans_are_refused() {
    let lone_result = request(vec![say(Role::User, "go"), result("a", "A")]);
    let lone_call = request(vec![say(Role::User, "go"), assistant(vec![call("a", "{}")]), say(Role::User, "well?")]);
    let last_call = request(vec![say(Role::User, "go"), assistant(vec![call("a", "{}")])]);
    for request in [lone_result, lone_call, last_call] {
        assert_eq!(refused(&request), ("invalid_value".into(), "messages".into()));
    }
}

#[test]
fn media_become_blocks() {
    let png = Media::Base64 { media_type: "image/png".into(), data: "iVBO".into() };
    let kinds = vec![
        PartKind::Image { source: png.clone(), detail: Some("low".into()) },
        PartKind::Image { source: Media::Url("https://x/y.png".into()), detail: None },
        PartKind::Document {
            source: Media::Base64 { media_type: "application/pdf".into(), data: "JVBE".into() },
            name: Some("p.pdf".into()),
        },
        PartKind::Document { source: Media::Base64 { media_type: "text/plain".into(), data: "aGk=".into() }, name: None },
    ];
    let user = Message { role: Role::User, name: Some("ada".into()), parts: kinds.into_iter().map(Part::from).collect() };
    let (body, dropped) = write(&request(vec![user]));
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "p.pdf"},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        ])
    );
    assert_eq!(dropped, ["name", "detail"]);
    let part = Part::from(PartKind::ToolResult {
        id: "a".into(),
        name: None,
        parts: vec![PartKind::Text("radar".into()).into(), PartKind::Image { source: png, detail: None }.into()],
        is_error: true,
    });
    let turns = messages(vec![
        say(Role::User, "go"),
        assistant(vec![call("a", "{}")]),
        Message { role: Role::Tool, name: None, parts: vec![part] },
    ]);
    let block = &turns[2]["content"][0];
    assert_eq!((&block["content"][1]["type"], &block["is_error"]), (&json!("image"), &json!(true)));
}
