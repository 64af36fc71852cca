use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Citation, ErrorKind, Event, FinishReason, Usage};
use crate::codec::sse;
use crate::dialect::dashscope::DashScope;
use crate::dialect::{Dialect, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&DashScope, pieces)
}

pub(super) fn encode(parameters: &Value, events: Vec<Event>) -> Vec<u8> {
    testing::encode(&DashScope, &reply("text-generation", parameters), events)
}

fn frames(stream: &[u8]) -> Vec<Value> {
    let texts = std::str::from_utf8(stream).unwrap().split_inclusive("\n\n");
    texts.map(|frame| serde_json::from_slice(&sse::read(frame.as_bytes()).unwrap().data).unwrap()).collect()
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

pub(super) const STREAM: &str = r#"id:1
event:result
:HTTP_STATUS/200
data:{"output":{"choices":[{"message":{"content":"","reasoning_content":"hm","role":"assistant"},"finish_reason":"null"}],"search_info":{"search_results":[{"index":1,"title":"T","url":"https://t"}]}},"usage":{},"request_id":"r1"}

id:2
event:result
:HTTP_STATUS/200
data:{"output":{"choices":[{"message":{"content":"Grüße 😀","role":"assistant"},"index":0,"finish_reason":"null"}],"search_info":{"search_results":[{"index":1,"title":"T","url":"https://t"}]}},"usage":{"total_tokens":14,"output_tokens":3,"input_tokens":11},"request_id":"r1"}

id:3
event:result
:HTTP_STATUS/200
data:{"output":{"choices":[{"message":{"content":"","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\""}}],"role":"assistant"},"index":0,"finish_reason":"null"}]},"usage":{"total_tokens":14,"output_tokens":3,"input_tokens":11},"request_id":"r1"}

id:4
event:result
:HTTP_STATUS/200
data:{"output":{"choices":[{"message":{"content":"","tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"","arguments":": 1}"}}],"role":"assistant"},"index":0,"finish_reason":"tool_calls"}]},"usage":{"total_tokens":18,"output_tokens":7,"input_tokens":11,"output_tokens_details":{"reasoning_tokens":2},"prompt_tokens_details":{"cached_tokens":4}},"request_id":"r1"}

"#;

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let arguments = |fragment: &str| Event::ToolArguments { choice: 0, index: 0, fragment: fragment.into() };
    let citation = Citation { url: Some("https://t".into()), title: Some("T".into()), ..Citation::default() };
    let expected = [
        Event::Start { id: Some("r1".into()), model: None, created: None, usage: None },
        Event::Thinking { choice: 0, text: "hm".into() },
        Event::Citation { choice: 0, citation },
        text("Grüße 😀"),
        Event::Usage(Usage { prompt: 11, completion: 3, ..Usage::default() }),
        Event::ToolStart { choice: 0, index: 0, id: "c1".into(), name: "f".into() },
        arguments("{\"a\""),
        arguments(": 1}"),
        Event::Usage(Usage { prompt: 11, completion: 7, cached: Some(4), reasoning: Some(2), ..Usage::default() }),
        finish(FinishReason::ToolCalls),
        Event::Done,
    ];
    assert_eq!(events, expected);
}

#[test]
fn every_split_decodes_alike_and_every_cut_is_an_error() {
    let stream = STREAM.as_bytes();
    let whole = decode(&[stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>()), whole);
    for at in 0..stream.len() {
        assert_eq!(decode(&[&stream[..at]]).1.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
}

#[test]
fn the_older_form_and_lists_of_parts_are_read_too() {
    let old = "data:{\"output\":{\"finish_reason\":\"null\",\"text\":\"a\"}}\n\ndata:{\"output\":{\"finish_reason\":\"length\",\"text\":\"\"},\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}\n\n";
    let (events, end) = decode(&[old.as_bytes()]);
    assert_eq!((end, events.contains(&text("a")), events.contains(&finish(FinishReason::Length))), (Ok(()), true, true), "{events:?}");
    let parts = "data:{\"output\":{\"choices\":[{\"message\":{\"content\":[{\"text\":\"a\"}]},\"finish_reason\":\"null\"}]}}\n\ndata:{\"output\":{\"choices\":[{\"message\":{\"content\":[]},\"finish_reason\":\"stop\"}]}}\n\n";
    let (events, end) = decode(&[parts.as_bytes()]);
    assert_eq!((end, events.contains(&text("a")), events.last()), (Ok(()), true, Some(&Event::Done)), "{events:?}");
}

#[test]
fn errors_and_garbage_are_told() {
    for (code, status, kind) in [
        ("InvalidParameter", 400, ErrorKind::InvalidRequest),
        ("InvalidApiKey", 401, ErrorKind::Authentication),
        ("Arrearage", 402, ErrorKind::InsufficientQuota),
        ("AccessDenied.Unpurchased", 403, ErrorKind::Permission),
        ("Model.NotExist", 404, ErrorKind::NotFound),
        ("Throttling.RateQuota", 429, ErrorKind::RateLimit),
        ("InternalError.Algo", 500, ErrorKind::Upstream),
        ("ServiceUnavailable", 503, ErrorKind::Overloaded),
    ] {
        let body = json!({"code": code, "message": "boom", "request_id": "r"}).to_string();
        let (events, end) = decode(&[format!("id:1\nevent:error\n:HTTP_STATUS/{status}\ndata:{body}\n\n").as_bytes()]);
        assert!(matches!(&events[..], [Event::Error(e)] if e.status == status && e.kind == kind && e.message == "boom"), "{events:?}");
        assert_eq!(end, Ok(()));
        assert_eq!(DashScope.read_response(body.as_bytes()).unwrap_err().status, status, "with status 200");
    }
    for bad in ["data:{\"output\":\n\n", "data:[]\n\n", "data:{\"output\":{\"choices\":[{\"message\"\n\n", "data:{}\n\n"] {
        assert_eq!(decode(&[bad.as_bytes()]).1.unwrap_err().code.as_deref(), Some("upstream_invalid_event"), "{bad}");
    }
    for body in ["<html>", "{}", r#"{"output":{"choices":[{"message":{"content":"a"},"finish_reason":"null"}]}}"#] {
        assert_eq!(DashScope.read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some("upstream_invalid_response"), "{body}");
    }
    let filtered = DashScope.read_error(400, br#"{"code":"DataInspectionFailed","message":"no","request_id":"r"}"#);
    let written: Value = serde_json::from_slice(&DashScope.write_error(&filtered, "r2")).unwrap();
    assert_eq!(written, json!({"code": "DataInspectionFailed", "message": "no", "request_id": "r2"}));
}

fn answer() -> Vec<Event> {
    let arguments = |fragment: &str| Event::ToolArguments { choice: 0, index: 0, fragment: fragment.into() };
    vec![
        Event::Start { id: Some("r1".into()), model: None, created: None, usage: None },
        Event::Thinking { choice: 0, text: "hm".into() },
        text("a"),
        text("b"),
        Event::ToolStart { choice: 0, index: 0, id: "c1".into(), name: "f".into() },
        arguments("{\"x\""),
        arguments(":1}"),
        Event::ToolStart { choice: 0, index: 1, id: "c2".into(), name: "g".into() },
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 4, completion: 2, ..Usage::default() }),
        Event::Done,
    ]
}

#[test]
fn events_tell_what_is_new_or_all_there_is_so_far() {
    let stream = encode(&json!({"result_format": "message", "incremental_output": true}), answer());
    assert!(stream.starts_with(b"id:1\nevent:result\n:HTTP_STATUS/200\ndata:{\"output\""), "{}", String::from_utf8_lossy(&stream));
    let new = frames(&stream);
    let message = |frame: &Value| frame["output"]["choices"][0]["message"].clone();
    assert_eq!(message(&new[2]), json!({"role": "assistant", "content": "b"}));
    assert_eq!(
        message(&new[3])["tool_calls"][0],
        json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}})
    );
    assert_eq!(message(&new[5])["tool_calls"][0], json!({"index": 0, "id": "", "type": "function", "function": {"arguments": ":1}"}}));
    let last = new.last().unwrap();
    assert_eq!(message(last)["tool_calls"][0]["function"]["arguments"], "{}", "a call without arguments gets empty ones");
    assert_eq!((&last["output"]["choices"][0]["finish_reason"], &last["usage"]["total_tokens"]), (&json!("tool_calls"), &json!(6)));
    assert_eq!((&new[0]["output"]["choices"][0]["finish_reason"], &new[0]["request_id"]), (&json!("null"), &json!("r1")));

    let all = frames(&encode(&json!({"result_format": "message"}), answer()));
    assert_eq!(message(&all[2]), json!({"role": "assistant", "content": "ab", "reasoning_content": "hm"}));
    let expected = json!([{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]);
    assert_eq!((&message(all.last().unwrap())["tool_calls"], &message(all.last().unwrap())["content"]), (&expected, &json!("ab")));
}

#[test]
fn content_has_the_form_that_the_request_asks_for() {
    let said = || vec![text("a"), finish(FinishReason::Stop), Event::Done];
    let output =
        |task: &str, parameters: &Value| frames(&testing::encode(&DashScope, &reply(task, parameters), said()))[0]["output"].clone();
    assert_eq!(output("text-generation", &json!({"result_format": "text"})), json!({"text": "a", "finish_reason": "null"}));
    let unasked = output("text-generation", &json!({}));
    assert_eq!((&unasked["text"], &unasked["choices"][0]["message"]["content"]), (&json!("a"), &json!("a")));
    assert_eq!(output("multimodal-generation", &json!({}))["choices"][0]["message"]["content"], json!([{"text": "a"}]));
    assert_eq!(output("multimodal-generation", &json!({})).get("text"), None);
    let error = ApiError::upstream("upstream_reset", "gone");
    let told = encode(&json!({}), vec![Event::Error(error)]);
    let expected = "event:error\n:HTTP_STATUS/502\nstatus:502\ndata:{\"code\":\"InternalError\",\"message\":\"gone\"}\n\n";
    assert_eq!(String::from_utf8(told).unwrap(), expected);
}
