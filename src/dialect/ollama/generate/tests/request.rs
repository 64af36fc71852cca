use serde_json::{Value, json};

use super::QUIRKS;
use crate::chat::{ApiError, DialectId, Effort, Media, Message, OutputFormat, PartKind, Reasoning, Request, Role, Tool, ToolKind};
use crate::dialect::ollama::OllamaGenerate;
use crate::dialect::{Dialect, To};

const TO: fn() -> To<'static> = || To { model: "gpt-oss:20b", quirks: &QUIRKS, want_usage: true };

fn read(body: &Value) -> Result<Request, ApiError> {
    OllamaGenerate.read_request(body.to_string().as_bytes())
}

fn write(request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = OllamaGenerate.write_request(request, &TO())?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}

fn said(role: Role, kinds: Vec<PartKind>) -> Message {
    Message { role, name: None, parts: kinds.into_iter().map(Into::into).collect() }
}

fn text(text: &str) -> PartKind {
    PartKind::Text(text.into())
}

#[test]
fn a_prompt_is_what_the_user_says_and_what_is_written_reads_the_same() {
    let body = json!({"model": "gpt-oss:20b", "prompt": "look", "images": ["/9j/"], "system": "be brief", "format": "json", "think": "low",
        "options": {"num_predict": 7, "temperature": 0.5, "stop": ["x"], "num_ctx": 8192}, "logprobs": true, "top_logprobs": 2,
        "brand_new": 1, "stream": false});
    let request = read(&body).unwrap();
    let image = PartKind::Image { source: Media::Base64 { media_type: "image/jpeg".into(), data: "/9j/".into() }, detail: None };
    assert_eq!(request.messages, [said(Role::System, vec![text("be brief")]), said(Role::User, vec![text("look"), image])]);
    assert_eq!((request.sampling.max_tokens, &request.reasoning), (Some(7), &Some(Reasoning::Effort(Effort::Low))));
    assert!(matches!(request.output, OutputFormat::JsonObject) && !request.stream);
    let (written, dropped) = write(&request).unwrap();
    assert_eq!((written, dropped.len()), (body, 0));
    let idle = json!({"model": "m", "prompt": "a", "context": [], "suffix": "", "template": "", "raw": false, "keep_alive": "5m"});
    assert!(read(&idle).unwrap().stream, "it streams unless told otherwise");
    assert!(read(&idle).unwrap().extra.is_empty());
}

#[test]
fn what_only_a_server_of_ollamas_knows_is_refused() {
    for (key, value, code) in [
        ("suffix", json!("the end"), "unsupported_parameter"),
        ("template", json!("{{ .Prompt }}"), "unsupported_parameter"),
        ("raw", json!(true), "unsupported_parameter"),
        ("context", json!([1, 2]), "unsupported_parameter"),
        ("prompt", json!(""), "missing_required_parameter"),
        ("prompt", json!(["a"]), "invalid_type"),
        ("raw", json!("yes"), "invalid_type"),
        ("format", json!("xml"), "invalid_value"),
        ("model", json!(null), "missing_required_parameter"),
    ] {
        let mut body = json!({"model": "m", "prompt": "a"});
        body[key] = value;
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.code.as_deref(), error.param.as_deref()), (400, Some(code), Some(key)), "{body}");
    }
    // A server of Ollama's gets it as it is.
    let body = r#"{"model":"m","prompt":"","context":[1, 2],"raw":true}"#;
    assert_eq!(OllamaGenerate.view(body.as_bytes()).unwrap().model, "m");
    let relayed = OllamaGenerate.edit_request(body.as_bytes(), &TO()).unwrap().body;
    assert_eq!(relayed, body.replace("\"m\"", "\"gpt-oss:20b\""));
}

#[test]
fn a_turn_that_says_nothing_is_refused() {
    let mut request = Request::new(DialectId::OpenAiChat, "m");
    request.messages = vec![said(Role::User, vec![text("")])];
    assert_eq!(write(&request).unwrap_err().param.as_deref(), Some("messages"));
}

#[test]
fn a_conversation_is_written_if_it_is_one_turn() {
    let mut request = Request::new(DialectId::OpenAiChat, "fast");
    request.messages = vec![
        said(Role::System, vec![text("be brief")]),
        said(Role::Developer, vec![text("be kind")]),
        said(Role::User, vec![text("Once"), text("upon")]),
    ];
    request.user = Some("u".into());
    request.extra.insert("store".into(), true.into());
    let (body, dropped) = write(&request).unwrap();
    assert_eq!(body, json!({"model": "gpt-oss:20b", "prompt": "Once\nupon", "system": "be brief\n\nbe kind", "stream": false}));
    assert_eq!(dropped, ["user", "store"]);
    let refused = |change: &dyn Fn(&mut Request)| {
        let mut changed = request.clone();
        change(&mut changed);
        write(&changed).unwrap_err().param.unwrap()
    };
    assert_eq!(refused(&|request| request.messages.push(said(Role::Assistant, vec![text("a")]))), "messages");
    assert_eq!(refused(&|request| request.messages[2].role = Role::Assistant), "messages");
    let elsewhere = || PartKind::Image { source: Media::Url("https://a".into()), detail: None };
    assert_eq!(refused(&|request| request.messages[2].parts.push(elsewhere().into())), "messages");
    let tool = || ToolKind::Function { name: "f".into(), description: None, parameters: None, strict: None };
    assert_eq!(refused(&|request| request.tools.push(Tool { kind: tool(), cache: None })), "tools");
    assert_eq!(refused(&|request| request.sampling.n = Some(2)), "n");
}
