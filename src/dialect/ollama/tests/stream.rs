use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::codec::Framing;
use crate::dialect::ollama::Ollama;
use crate::dialect::{Dialect, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    assert_eq!(Ollama.framing(), Framing::JsonLines);
    testing::decode(&Ollama, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&Ollama, &reply(), events)
}

fn lines(stream: &[u8]) -> Vec<Value> {
    std::str::from_utf8(stream).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

const STREAM: &str = "{\"model\":\"qwen3\",\"created_at\":\"2024-05-24T20:26:46.294874Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\"},\"done\":false}\n\
{\"model\":\"qwen3\",\"created_at\":\"2024-05-24T20:26:47Z\",\"message\":{\"role\":\"assistant\",\"content\":\"Grüße 😀\"},\"done\":false}\r\n\n\
{\"model\":\"qwen3\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"a\": 1.50}}}]},\"done\":false}\n\
{\"model\":\"qwen3\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":5,\"prompt_eval_count\":11,\"eval_count\":7}\n";

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let expected = [
        Event::Start { id: None, model: Some("qwen3".into()), created: Some(1_716_582_406), usage: None },
        Event::Thinking { choice: 0, text: "hm".into() },
        text("Grüße 😀"),
        Event::ToolStart { choice: 0, index: 0, id: "c1".into(), name: "f".into() },
        Event::ToolArguments { choice: 0, index: 0, fragment: "{\"a\": 1.50}".into() },
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 11, completion: 7, ..Usage::default() }),
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
fn errors_and_garbage_are_told() {
    let (events, end) = decode(&[b"{\"error\":\"llama runner process has terminated\"}\n"]);
    assert_eq!(end, Ok(()));
    assert!(
        matches!(&events[..], [Event::Error(e)] if e.status == 502 && e.message == "llama runner process has terminated"),
        "{events:?}"
    );
    for bad in ["{\"model\":\n", "[]\n", "x\n"] {
        assert_eq!(decode(&[bad.as_bytes()]).1.unwrap_err().code.as_deref(), Some("upstream_invalid_event"), "{bad}");
    }
    let error = Ollama.read_error(404, b"{\"error\":\"model 'x' not found\"}");
    assert_eq!((error.status, error.code.as_deref(), error.message.as_str()), (404, Some("model_not_found"), "model 'x' not found"));
    assert_eq!(Ollama.write_error(&error, ""), br#"{"error":"model 'x' not found"}"#);
}

#[test]
fn whole_answers_are_read_and_what_is_none_is_an_error() {
    for (body, code) in [
        ("{}", "upstream_invalid_response"),
        (r#"{"message":{"content":"half"},"done":false}"#, "upstream_invalid_response"),
        ("<html>", "upstream_invalid_response"),
        (r#"{"error":"boom"}"#, "upstream_error"),
    ] {
        assert_eq!(Ollama.read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some(code), "{body}");
    }
    let cached =
        Ollama.read_response(br#"{"model":"m","message":{"content":"a"},"done":true,"done_reason":"length","eval_count":3}"#).unwrap();
    assert_eq!((cached.choices[0].finish, cached.usage.map(|usage| usage.total())), (FinishReason::Length, Some(3)));
}

#[test]
fn lines_tell_the_answer_and_the_last_one_how_it_ended() {
    let call = |index| Event::ToolStart { choice: 0, index, id: format!("c{index}"), name: format!("f{index}") };
    let arguments = |index, fragment: &str| Event::ToolArguments { choice: 0, index, fragment: fragment.into() };
    let lines = lines(&encode(vec![
        text("hi"),
        call(0),
        call(1),
        arguments(0, "{\"a\""),
        arguments(1, "{}"),
        arguments(0, ":1}"),
        finish(FinishReason::Length),
        Event::Usage(Usage { prompt: 4, completion: 2, ..Usage::default() }),
        Event::Done,
    ]));
    assert_eq!(lines[0]["message"], json!({"role": "assistant", "content": "hi"}));
    assert_eq!(lines[1]["message"]["tool_calls"], json!([{"function": {"name": "f0", "arguments": {"a": 1}}}]));
    assert_eq!(lines[2]["message"]["tool_calls"][0]["function"]["name"], "f1");
    let last = json!({"model": "qwen3", "created_at": "1970-01-01T00:00:01Z", "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": "length", "prompt_eval_count": 4, "eval_count": 2});
    assert_eq!(lines[3], last);
    assert!(lines[..3].iter().all(|line| line["done"] == false));
}
