use bytes::BytesMut;
use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Citation, ErrorKind, Event, Fault, FinishReason, Usage};
use crate::codec::aws;
use crate::dialect::bedrock_converse::{BedrockConverse, frame};
use crate::dialect::{Dialect, Reply, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&BedrockConverse, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&BedrockConverse, &reply(), events)
}

/// The messages of a stream.
pub(super) fn stream(events: &[(&str, Value)]) -> Vec<u8> {
    let mut out = BytesMut::new();
    events.iter().for_each(|(kind, payload)| frame::event(kind, payload, &mut out));
    out.to_vec()
}

/// The names and payloads of a stream's messages.
fn messages(mut stream: &[u8]) -> Vec<(String, Value)> {
    let (mut splitter, mut found) = (aws::Splitter::default(), Vec::new());
    while let Some(end) = splitter.message_end(stream).filter(|_| !stream.is_empty()) {
        let message = aws::read(&stream[..end]).unwrap();
        found.push((String::from_utf8(message.name().to_vec()).unwrap(), serde_json::from_slice(message.payload).unwrap()));
        stream = &stream[end..];
    }
    found
}

pub(super) fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn thinking(text: &str) -> Event {
    Event::Thinking { choice: 0, text: text.into() }
}
fn signature(signature: &str) -> Event {
    Event::Signature { choice: 0, signature: signature.into() }
}
fn redacted(data: &str) -> Event {
    Event::RedactedThinking { choice: 0, data: data.into() }
}
fn call(index: u32, name: &str) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("tooluse_{index}"), name: name.into() }
}
fn arguments(index: u32, fragment: &str) -> Event {
    Event::ToolArguments { choice: 0, index, fragment: fragment.into() }
}
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}
fn start() -> Event {
    Event::Start { id: None, model: None, created: None, usage: None }
}

fn delta(index: u32, delta: Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta, "p": "abc"}))
}
fn tool(index: u32, id: &str, name: &str, kind: &str) -> (&'static str, Value) {
    let start = json!({"toolUse": {"toolUseId": id, "name": name, "type": kind}});
    ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}))
}
fn stop(index: u32) -> (&'static str, Value) {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}
fn end(reason: &str) -> [(&'static str, Value); 2] {
    let usage = json!({"inputTokens": 2, "outputTokens": 5, "totalTokens": 11, "cacheReadInputTokens": 4});
    [("messageStop", json!({"stopReason": reason})), ("metadata", json!({"usage": usage, "metrics": {"latencyMs": 9}}))]
}

fn whole() -> Vec<(&'static str, Value)> {
    let mut events = vec![
        ("messageStart", json!({"role": "assistant", "p": "abc"})),
        delta(0, json!({"reasoningContent": {"text": "hm"}})),
        delta(0, json!({"reasoningContent": {"signature": "sig"}})),
        stop(0),
        delta(1, json!({"reasoningContent": {"redactedContent": "RXU4RQ=="}})),
        stop(1),
        delta(2, json!({"text": "Grüße "})),
        delta(2, json!({"citation": {"title": "A", "location": {"web": {"url": "https://a"}}}})),
        delta(2, json!({"text": "😀"})),
        stop(2),
        tool(3, "s", "nova_grounding", "server_tool_use"),
        delta(3, json!({"toolUse": {"input": "{\"q\":1}"}})),
        stop(3),
        tool(4, "tooluse_0", "f_x2e_g", "tool_use"),
        delta(4, json!({"toolUse": {"input": "{\"a\""}})),
        delta(4, json!({"toolUse": {"input": ": 1.50}"}})),
        stop(4),
        tool(5, "tooluse_1", "h", "tool_use"),
        stop(5),
        ("somethingNew", json!({})),
    ];
    events.extend(end("tool_use"));
    events
}

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[&stream(&whole())]);
    assert_eq!(end, Ok(()));
    let native = json!({"title": "A", "location": {"web": {"url": "https://a"}}});
    let citation = Citation { url: Some("https://a".into()), title: Some("A".into()), start: Some(0), end: Some(7), native: Some(native) };
    assert_eq!(
        events,
        [
            start(),
            thinking("hm"),
            signature("sig"),
            redacted("Eu8E"),
            text("Grüße "),
            text("😀"),
            Event::Citation { choice: 0, citation },
            call(0, "f.g"),
            arguments(0, "{\"a\""),
            arguments(0, ": 1.50}"),
            call(1, "h"),
            arguments(1, "{}"),
            finish(FinishReason::ToolCalls),
            Event::Usage(Usage { prompt: 6, completion: 5, cached: Some(4), ..Usage::default() }),
            Event::Done,
        ]
    );
}

#[test]
fn every_split_decodes_alike() {
    let stream = stream(&whole());
    let whole = decode(&[&stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_stream_without_its_last_message_is_an_error() {
    let stream = stream(&whole());
    let last = stream.len() - self::stream(&end("x")[1..]).len();
    for at in 0..=last {
        let (events, end) = decode(&[&stream[..at]]);
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
        assert!(!events.contains(&Event::Done), "cut at {at}");
    }
}

#[test]
fn exceptions_broken_events_and_useless_answers_are_told_apart() {
    let exception = |class: &str| {
        let mut out = BytesMut::new();
        frame::exception(class, &json!({"message": "why"}), &mut out);
        out.to_vec()
    };
    for (class, status) in [
        ("throttlingException", 429),
        ("validationException", 400),
        ("serviceUnavailableException", 503),
        ("modelStreamErrorException", 502),
        ("internalServerException", 500),
    ] {
        let (events, end) = decode(&[&exception(class)]);
        assert!(matches!(&events[..], [Event::Error(error)] if error.status == status && error.message == "why"), "{class}: {events:?}");
        assert_eq!(end, Ok(()));
    }
    for bad in [("contentBlockDelta", json!({"delta": {}})), ("messageStop", json!({})), ("contentBlockStart", json!([]))] {
        assert_eq!(decode(&[&stream(&[bad])]).1.unwrap_err().code.as_deref(), Some("upstream_invalid_event"));
    }
    assert_eq!(decode(&[&stream(&end("malformed_model_output"))]).1.unwrap_err().code.as_deref(), Some("upstream_error"));
    let (events, _) = decode(&[&stream(&end("guardrail_intervened"))]);
    assert!(events.contains(&finish(FinishReason::ContentFilter)) && events.contains(&Event::Done));
}

#[test]
fn an_emulated_format_is_unwrapped() {
    let mut events = vec![
        tool(0, "t", "json_tool_call", "tool_use"),
        delta(0, json!({"toolUse": {"input": "{\"a\""}})),
        delta(0, json!({"toolUse": {"input": ":1}"}})),
        stop(0),
    ];
    events.extend(end("tool_use"));
    let (events, _) = decode(&[&stream(&events)]);
    assert_eq!(events[1..4], [text("{\"a\""), text(":1}"), finish(FinishReason::Stop)]);
}

#[test]
fn what_is_encoded_decodes_to_the_same_events() {
    let events = vec![
        start(),
        thinking("let "),
        thinking("me see"),
        signature("anthropics"),
        redacted("blob"),
        text("plain"),
        call(0, "f"),
        arguments(0, "{\"x\":\"é\"}"),
        call(1, "g"),
        arguments(1, "{}"),
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 9, completion: 4, cached: Some(2), cache_write: Some(1), ..Usage::default() }),
        Event::Done,
    ];
    let (decoded, end) = decode(&[&encode(events.clone())]);
    assert_eq!(end, Ok(()));
    assert_eq!(decoded, events);
}

#[test]
fn blocks_follow_one_another_and_the_end_is_told_once() {
    let stream = encode(vec![
        text("look"),
        call(0, "f"),
        arguments(0, "{\"a\""),
        call(1, "g"),
        arguments(1, "{\"b\":2}"),
        arguments(0, ":1}"),
        text("after"),
        finish(FinishReason::Length),
        Event::Done,
    ]);
    let messages = messages(&stream);
    let names: Vec<&str> = messages.iter().map(|(name, _)| name.as_str()).collect();
    let block = ["contentBlockStart", "contentBlockDelta", "contentBlockStop"];
    let expected: Vec<&str> = ["messageStart"]
        .into_iter()
        .chain(block[1..].iter().copied())
        .chain([block[0], block[1], block[1], block[2]])
        .chain(block)
        .chain(block[1..].iter().copied())
        .chain(["messageStop", "metadata"])
        .collect();
    assert_eq!(names, expected);
    let of = |name: &str| &messages.iter().find(|(kind, _)| kind == name).unwrap().1;
    assert_eq!(of("messageStop"), &json!({"stopReason": "max_tokens"}));
    assert_eq!(of("metadata")["usage"]["totalTokens"], 0);
    let empty = self::messages(&encode(vec![Event::Done]));
    assert_eq!(empty[1].1, json!({"contentBlockIndex": 0, "delta": {"text": ""}}));
}

#[test]
fn the_stop_sequence_is_told_to_those_who_ask() {
    let ended = |request: &'static [u8]| {
        let events = vec![Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: Some("END".into()) }, Event::Done];
        let reply = Reply { request: bytes::Bytes::from_static(request), ..reply() };
        messages(&testing::encode(&BedrockConverse, &reply, events)).into_iter().find(|(name, _)| name == "messageStop").unwrap().1
    };
    assert_eq!(ended(b"{}"), json!({"stopReason": "stop_sequence"}));
    let asked = ended(br#"{"additionalModelResponseFieldPaths":["/stop_sequence"]}"#);
    assert_eq!(asked["additionalModelResponseFields"], json!({"stop_sequence": "END"}));
}

#[test]
fn an_error_in_a_stream_is_an_exception() {
    let mut out = BytesMut::new();
    BedrockConverse.write_error_event(&ApiError::new(429, ErrorKind::RateLimit, Fault::Upstream, "rate_limit_exceeded", "slow"), &mut out);
    let message = aws::read(&out).unwrap();
    assert_eq!(message.header(":message-type"), Some(&b"exception"[..]));
    assert_eq!(message.header(":exception-type"), Some(&b"throttlingException"[..]));
    assert_eq!(message.payload, br#"{"message":"slow"}"#);
}
