use serde_json::{Value, json};

use super::NO_QUIRKS;
use crate::chat::{ApiError, DialectId, Message, OutputFormat, Part, PartKind, Reasoning, Request, Role, Tool, ToolKind};
use crate::dialect::openai_completions::OpenAiCompletions;
use crate::dialect::{Dialect, To, View};

const TO: fn() -> To<'static> = || To { model: "m", quirks: &NO_QUIRKS, want_usage: true };

fn read(body: &Value) -> Result<Request, ApiError> {
    OpenAiCompletions.read_request(body.to_string().as_bytes())
}

fn write(request: &Request) -> Result<(Value, Vec<String>), ApiError> {
    let written = OpenAiCompletions.write_request(request, &TO())?;
    Ok((serde_json::from_slice(&written.body).unwrap(), written.dropped.iter().map(str::to_owned).collect()))
}

fn text(text: &str) -> Part {
    PartKind::Text(text.into()).into()
}

fn said(role: Role, parts: Vec<Part>) -> Message {
    Message { role, name: None, parts }
}

#[test]
fn a_prompt_is_what_the_user_says() {
    let body = json!({"model": "m", "prompt": "Once", "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "n": 2, "seed": 4, "stop": ["END"],
        "frequency_penalty": 1, "presence_penalty": -1, "logit_bias": {"50256": -100}, "logprobs": 3, "user": "u", "best_of": 2,
        "suffix": "", "echo": false, "min_tokens": 3, "stream": true, "stream_options": {"include_usage": true}});
    let request = read(&body).unwrap();
    assert_eq!(request.messages, [said(Role::User, vec![text("Once")])]);
    assert_eq!((request.sampling.logprobs, request.sampling.top_logprobs, request.sampling.n), (Some(true), Some(3), Some(2)));
    assert_eq!((request.stream, request.include_usage, &request.stop), (true, true, &vec!["END".to_owned()]));
    assert_eq!(Value::Object(request.extra.clone()), json!({"min_tokens": 3}), "two of two are no choice");
    // What is written reads the same.
    let (mut written, dropped) = write(&request).unwrap();
    assert!(dropped.is_empty());
    let mut expected = body;
    for silent in ["best_of", "suffix", "echo"] {
        expected.as_object_mut().unwrap().remove(silent);
    }
    assert_eq!(written, expected);
    written["best_of"] = 5.into();
    assert_eq!(read(&written).unwrap().extra["best_of"], 5);
}

#[test]
fn the_default_of_the_api_is_kept_and_one_prompt_may_be_a_list() {
    let request = read(&json!({"model": "m", "prompt": ["Once"], "stop": "END", "suffix": null})).unwrap();
    assert_eq!((request.sampling.max_tokens, request.sampling.logprobs, request.stream), (Some(16), None, false));
    assert_eq!((request.stop, request.messages.len()), (vec!["END".to_owned()], 1));
    let view = OpenAiCompletions.view(br#"{"model":"m","prompt":[1,2]}"#).unwrap();
    assert_eq!(view, View { model: "m".into(), stream: false, include_usage: false, max_tokens: Some(16), ..View::default() });
}

#[test]
fn what_cannot_be_asked_in_a_chat_is_refused() {
    for (key, value, code, param) in [
        ("prompt", json!(["a", "b"]), "unsupported_parameter", "prompt"),
        ("prompt", json!([1, 2, 3]), "unsupported_parameter", "prompt"),
        ("prompt", json!([[1, 2, 3]]), "unsupported_parameter", "prompt"),
        ("prompt", json!([]), "invalid_value", "prompt"),
        ("prompt", json!(null), "missing_required_parameter", "prompt"),
        ("prompt", json!(5), "invalid_type", "prompt"),
        ("prompt", json!(["a", {}]), "invalid_type", "prompt[1]"),
        ("suffix", json!("the end"), "unsupported_parameter", "suffix"),
        ("echo", json!(true), "unsupported_parameter", "echo"),
        ("logprobs", json!(true), "invalid_type", "logprobs"),
        ("n", json!(0), "invalid_value", "n"),
        ("best_of", json!("many"), "invalid_type", "best_of"),
        ("temperature", json!("warm"), "invalid_type", "temperature"),
        ("model", json!(null), "missing_required_parameter", "model"),
    ] {
        let mut body = json!({"model": "m", "prompt": "a", "logprobs": 1});
        body[key] = value;
        let error = read(&body).unwrap_err();
        assert_eq!((error.status, error.code.as_deref(), error.param.as_deref()), (400, Some(code), Some(param)), "{body}");
    }
    for relayed in [r#""prompt":["a","b"]"#, r#""prompt":[[1],[2]]"#, r#""echo":true"#] {
        assert!(OpenAiCompletions.view(format!(r#"{{"model":"m",{relayed}}}"#).as_bytes()).is_ok(), "{relayed}");
    }
}

#[test]
fn a_conversation_is_written_if_it_is_one_text() {
    let mut request = Request::new(DialectId::OpenAiChat, "fast");
    request.messages = vec![said(Role::User, vec![text("Once"), text("upon")])];
    request.sampling.logprobs = Some(true);
    request.sampling.top_k = Some(3);
    request.reasoning = Some(Reasoning::Budget(9));
    request.extra.insert("store".into(), true.into());
    let (body, dropped) = write(&request).unwrap();
    assert_eq!(body, json!({"model": "m", "prompt": "Once\nupon", "logprobs": 0}));
    assert_eq!(dropped, ["top_k", "reasoning_effort", "store"]);

    let refused = |change: &dyn Fn(&mut Request)| {
        let mut changed = request.clone();
        change(&mut changed);
        write(&changed).unwrap_err().param.unwrap()
    };
    assert_eq!(refused(&|request| request.messages.insert(0, said(Role::System, vec![text("be brief")]))), "messages");
    assert_eq!(refused(&|request| request.messages[0].role = Role::Assistant), "messages");
    let picture = || PartKind::Image { source: crate::chat::Media::Url("https://a".into()), detail: None };
    assert_eq!(refused(&|request| request.messages[0].parts.push(picture().into())), "messages");
    assert_eq!(refused(&|request| request.output = OutputFormat::JsonObject), "response_format");
    let tool = || ToolKind::Function { name: "f".into(), description: None, parameters: None, strict: None };
    assert_eq!(refused(&|request| request.tools.push(Tool { kind: tool(), cache: None })), "tools");
}

#[test]
fn a_relayed_request_changes_in_its_model_and_asks_for_the_usage() {
    let edit = |body: &str| String::from_utf8(OpenAiCompletions.edit_request(body.as_bytes(), &TO()).unwrap().body.to_vec()).unwrap();
    let body = r#"{"model":"fast","prompt":[ [1,2] ],"suffix":"é 1.0","n":1.0}"#;
    assert_eq!(edit(body), body.replace("fast", "m"));
    let streamed = edit(r#"{"model":"fast","prompt":"a","stream":true}"#);
    assert_eq!(streamed, r#"{"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}}"#);
}
