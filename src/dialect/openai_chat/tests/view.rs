//! What is seen of a request, and what is refused at first sight.

use super::super::view::{GenericView, chat, generic};
use crate::dialect::{Layout, View};

const MESSAGES: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

fn code(body: &str) -> (Option<String>, Option<String>) {
    match chat(body.as_bytes()) {
        Ok(_) => (None, None),
        Err(error) => {
            assert_eq!(error.status, 400, "{body}");
            (error.code.map(Into::into), error.param)
        }
    }
}

#[test]
fn a_good_request_is_seen() {
    let body = format!(
        r#"{{"model":"a/b","stream":true,"stream_options":{{"include_usage":true}},"max_tokens":5,"max_completion_tokens":7,"x":1,{MESSAGES}}}"#
    );
    let expected = View { model: "a/b".into(), stream: true, include_usage: true, max_tokens: Some(7), ..View::default() };
    let found = chat(body.as_bytes()).unwrap();
    let names: Vec<&str> = found.layout.fields.iter().map(|(name, _)| &body[name.clone()]).collect();
    assert_eq!(names, ["model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "x", "messages"]);
    let values = &found.layout.fields;
    assert_eq!((&body[values[0].1.clone()], &body[values[5].1.clone()], found.layout.answers_calls), ("\"a/b\"", "1", false));
    assert_eq!(View { layout: Layout::default(), ..found }, expected);
    assert_eq!(generic(br#"{"model":"e","input":"x"}"#), Ok(GenericView { model: Some("e".into()), stream: false }));
    assert_eq!(generic(br#"{"stream":true}"#), Ok(GenericView { model: None, stream: true }));
    assert_eq!(generic(br#"{"model":7}"#).unwrap_err().param.as_deref(), Some("model"));
}

#[test]
fn bad_requests_are_refused_with_the_field_at_fault() {
    for (fields, expected, param) in [
        (MESSAGES.to_owned(), "missing_required_parameter", "model"),
        (format!(r#""model":5,{MESSAGES}"#), "invalid_type", "model"),
        (format!(r#""model":"",{MESSAGES}"#), "invalid_value", "model"),
        (format!(r#""model":"{}",{MESSAGES}"#, "x".repeat(10_240)), "invalid_value", "model"),
        (format!(r#""model":"a\nb",{MESSAGES}"#), "invalid_value", "model"),
        (r#""model":"m""#.into(), "invalid_value", "messages"),
        (r#""model":"m","messages":[]"#.into(), "invalid_value", "messages"),
        (r#""model":"m","messages":{}"#.into(), "invalid_value", "messages"),
        (r#""model":"m","messages":[{"role":"user"},{"role":"root"}]"#.into(), "invalid_value", "messages[1].role"),
        (r#""model":"m","messages":["user"]"#.into(), "invalid_value", "messages[0].role"),
        (r#""model":"m","messages":[["user"]]"#.into(), "invalid_value", "messages[0].role"),
        (format!(r#""model":"m","stream":"yes",{MESSAGES}"#), "invalid_type", "stream"),
        (format!(r#""model":"m","max_tokens":-1,{MESSAGES}"#), "invalid_value", "max_tokens"),
        (format!(r#""model":"m","max_tokens":1.5,{MESSAGES}"#), "invalid_type", "max_tokens"),
        (format!(r#""model":"m","max_completion_tokens":"9",{MESSAGES}"#), "invalid_type", "max_completion_tokens"),
        (format!(r#""model":"m","temperature":"hot",{MESSAGES}"#), "invalid_type", "temperature"),
        (format!(r#""model":"m","n":1000000,{MESSAGES}"#), "invalid_value", "n"),
        (format!(r#""model":"m","mod\u0065l":"n",{MESSAGES}"#), "duplicate_field", "model"),
        (format!(r#""model":"m","stream":true,"stream":false,{MESSAGES}"#), "duplicate_field", "stream"),
        (format!(r#""model":"m","api_base":"http://x",{MESSAGES}"#), "unknown_parameter", "api_base"),
    ] {
        assert_eq!(code(&format!("{{{fields}}}")), (Some(expected.into()), Some(param.into())), "{fields:.120}");
    }
    assert_eq!(code(r#"["model"]"#).0.as_deref(), Some("invalid_type"));
}

#[test]
fn broken_json_is_told_with_its_place_and_without_its_content() {
    for (body, at) in [
        (&b""[..], 0),
        (b"{", 1),
        (b"{\"model\":\"secret\"} x", 19),
        (b"{\"model\":\"secret\xff\"}", 16),
        (b"{\n\"a\":NaN}", 6),
        (b"{\"a\":1e999}", 5),
        (b"{\"a\":\"\\ud800\"}", 6),
    ] {
        let error = chat(body).unwrap_err();
        assert_eq!(error.code.as_deref(), Some("invalid_json"));
        assert!(error.message.ends_with(&format!("at byte {at}")), "{}", error.message);
        assert!(!error.message.contains("secret"));
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(code(&deep).0.as_deref(), Some("invalid_json"));
}

#[test]
fn results_of_calls_are_noted() {
    for (message, expected) in [
        (r#"{"role":"tool","tool_call_id":"c","content":"x"}"#, true),
        (r#"{"role":"tool","tool_call_\u0069d":"c","content":"x"}"#, true),
        (r#"{"role":"user","content":"tool_call_id"}"#, false),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{message}]}}"#);
        assert_eq!(chat(body.as_bytes()).unwrap().layout.answers_calls, expected, "{message}");
    }
}
