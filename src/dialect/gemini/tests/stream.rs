use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Citation, DialectId, Event, FinishReason, Usage};
use crate::dialect::gemini::Gemini;
use crate::dialect::{proof, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&Gemini, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&Gemini, &reply(), events)
}

fn frames(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).unwrap();
    text.split_terminator("\r\n\r\n").map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn thinking(text: &str) -> Event {
    Event::Thinking { choice: 0, text: text.into() }
}
fn call(index: u32) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("call_{index}"), name: format!("f{index}") }
}
fn arguments(index: u32, fragment: &str) -> Event {
    Event::ToolArguments { choice: 0, index, fragment: fragment.into() }
}
fn signature(signature: &str) -> Event {
    Event::Signature { choice: 0, signature: signature.into() }
}
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

const STREAM: &str = "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"hm\",\"thought\": true}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 10,\"totalTokenCount\": 12,\"thoughtsTokenCount\": 2},\"modelVersion\": \"gemini-x\",\"responseId\": \"r1\"}\r\n\r\n\
data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"Grüße 😀\"}],\"role\": \"model\"},\"index\": 0}],\"modelVersion\": \"gemini-x\",\"responseId\": \"r1\"}\r\n\r\n\
data: {\"candidates\": [{\"content\": {\"parts\": [{\"functionCall\": {\"name\": \"f\",\"args\": {\"a\": 1.50},\"id\": \"c1\"},\"thoughtSignature\": \"c2ln\"},{\"functionCall\": {\"name\": \"g\",\"id\": \"c2\"}}],\"role\": \"model\"},\"index\": 0}]}\r\n\r\n\
data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\"}],\"role\": \"model\"},\"finishReason\": \"STOP\",\"index\": 0,\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://a\",\"title\":\"A\"}}],\"groundingSupports\":[{\"segment\":{\"endIndex\":7},\"groundingChunkIndices\":[0]}]}}],\"usageMetadata\": {\"promptTokenCount\": 11,\"candidatesTokenCount\": 5,\"totalTokenCount\": 18,\"thoughtsTokenCount\": 2},\"modelVersion\": \"gemini-x\",\"responseId\": \"r1\"}\r\n\r\n";

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let tool = |index, id: &str, name: &str| Event::ToolStart { choice: 0, index, id: id.into(), name: name.into() };
    let citation = Citation { url: Some("https://a".into()), title: Some("A".into()), start: Some(0), end: Some(5), native: None };
    assert_eq!(
        events,
        [
            Event::Start { id: Some("r1".into()), model: Some("gemini-x".into()), created: None, usage: None },
            thinking("hm"),
            text("Grüße 😀"),
            signature(&proof::mark(DialectId::Gemini, "c2ln")),
            tool(0, "c1", "f"),
            arguments(0, "{\"a\": 1.50}"),
            tool(1, "c2", "g"),
            arguments(1, "{}"),
            Event::Citation { choice: 0, citation },
            finish(FinishReason::ToolCalls),
            Event::Usage(Usage { prompt: 11, completion: 7, reasoning: Some(2), ..Usage::default() }),
            Event::Done,
        ]
    );
}

#[test]
fn every_split_decodes_alike() {
    let stream = STREAM.as_bytes();
    let whole = decode(&[stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_stream_cut_before_its_last_frame_is_an_error() {
    let last = STREAM.rfind("data: ").unwrap();
    for at in 0..=last {
        let (_, end) = decode(&[&STREAM.as_bytes()[..at]]);
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
}

#[test]
fn blocks_errors_and_broken_events_are_told_apart() {
    let decoded = |frame: &str| decode(&[format!("data: {frame}\r\n\r\n").as_bytes()]);
    let (events, end) = decoded(r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#);
    assert!(end.is_ok() && events.contains(&finish(FinishReason::ContentFilter)));
    let (events, _) = decoded(r#"[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]"#);
    assert!(matches!(&events[..], [Event::Error(error)] if error.status == 503 && error.message == "busy"));
    for bad in ["{\"candidates\":[{\"content\"", "[]", "\"x\""] {
        assert_eq!(decoded(bad).1.unwrap_err().code.as_deref(), Some("upstream_invalid_event"), "{bad}");
    }
    let (_, end) = decoded(r#"{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#);
    assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_error"));
}

#[test]
fn what_is_encoded_decodes_to_the_same_events() {
    let citation = Citation { url: Some("https://a".into()), title: None, start: Some(0), end: Some(5), native: None };
    let logprobs = json!({"content": [{"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": []}], "refusal": null});
    let events = vec![
        Event::Start { id: Some("r7".into()), model: Some("fast".into()), created: None, usage: None },
        thinking("let "),
        thinking("me see"),
        signature("anthropics"),
        Event::RedactedThinking { choice: 0, data: "blob".into() },
        text("cité"),
        text("plain"),
        Event::Logprobs { choice: 0, value: logprobs },
        signature(&proof::mark(DialectId::Gemini, "c2ln")),
        call(0),
        arguments(0, "{\"x\":\"é\"}"),
        call(1),
        arguments(1, "{}"),
        Event::Citation { choice: 0, citation },
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 9, completion: 4, cached: Some(2), reasoning: Some(3), ..Usage::default() }),
        Event::Done,
    ];
    let (decoded, end) = decode(&[&encode(events.clone())]);
    assert_eq!(end, Ok(()));
    assert_eq!(decoded, events);
}

#[test]
fn calls_go_out_whole_and_the_last_frame_tells_how_it_ended() {
    let stream = encode(vec![
        text("look"),
        call(0),
        arguments(0, "{\"a\""),
        call(1),
        arguments(1, "{\"b\":2}"),
        arguments(0, ":1}"),
        text("after"),
        finish(FinishReason::Length),
        Event::Done,
    ]);
    let frames = frames(&stream);
    let parts: Vec<_> = frames.iter().map(|frame| &frame["candidates"][0]["content"]["parts"][0]).collect();
    assert_eq!(parts[1]["functionCall"]["args"], json!({"a": 1}));
    assert_eq!((&parts[2]["functionCall"]["name"], &parts[3]["text"]), (&json!("f1"), &json!("after")));
    let last = frames.last().unwrap();
    assert_eq!((&last["candidates"][0]["finishReason"], &last["usageMetadata"]["totalTokenCount"]), (&json!("MAX_TOKENS"), &json!(0)));
    assert!(frames.iter().all(|frame| frame["responseId"] == frames[0]["responseId"] && frame["modelVersion"] == "gemini-x"));
    assert_eq!(frames.iter().filter(|frame| frame["candidates"][0].get("finishReason").is_some()).count(), 1);
}
