//! Translated streams: a vendor's read into events, events written for a client.

use bytes::BytesMut;
use serde_json::{Value, json};

use super::{frames, payloads, reply, stream};
use crate::chat::{ApiError, Citation, Event, FinishReason, Usage};
use crate::codec::sse;
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Dialect, Reply};

/// The events of a stream that comes in these pieces.
pub fn decode(pieces: &[&[u8]]) -> Result<Vec<Event>, ApiError> {
    let (mut decoder, mut events) = (OpenAiChat.decoder(), Vec::new());
    for frame in frames(pieces) {
        if let Some(event) = sse::read(&frame) {
            decoder.frame(event.name, &event.data, &mut events)?;
        }
    }
    decoder.end(&mut events)?;
    events.retain(|event| *event != Event::Ping);
    Ok(events)
}

/// The stream of these events.
pub fn encode(events: Vec<Event>, include_usage: bool) -> Vec<u8> {
    let mut encoder = OpenAiChat.encoder(&Reply { include_usage, ..reply() });
    let mut out = BytesMut::new();
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    out.to_vec()
}

fn chunks(events: Vec<Event>, include_usage: bool) -> Vec<Value> {
    let stream = payloads(&encode(events, include_usage));
    stream.iter().filter(|payload| *payload != "[DONE]").map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

fn start() -> Event {
    Event::Start { id: Some("c1".into()), model: Some("m-1".into()), created: Some(5), usage: None }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}

fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

fn deltas(events: Vec<Event>) -> Vec<Value> {
    chunks(events, false).into_iter().map(|mut chunk| chunk["choices"][0]["delta"].take()).collect()
}

fn vendors_stream() -> Vec<u8> {
    stream(&[
        r#""choices":[{"index":0,"delta":{"role":"assistant","reasoning":"hm"}}]"#,
        r#""choices":[{"index":0,"delta":{"content":"é😀"},"logprobs":{"content":[]}}]"#,
        r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]"#,
        r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]"#,
        r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"id":"b","type":"function","function":{"name":"g"}}]}}]"#,
        r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    ])
}

#[test]
fn a_vendors_stream_becomes_events() {
    let tool = |index, id: &str, name: &str| Event::ToolStart { choice: 0, index, id: id.into(), name: name.into() };
    let arguments = |index, fragment: &str| Event::ToolArguments { choice: 0, index, fragment: fragment.into() };
    let expected = vec![
        start(),
        Event::Thinking { choice: 0, text: "hm".into() },
        text("é😀"),
        Event::Logprobs { choice: 0, value: json!({"content": []}) },
        tool(0, "a", "f"),
        arguments(0, "{\"x\""),
        arguments(0, ":1}"),
        tool(1, "b", "g"),
        Event::Usage(Usage { prompt: 3, completion: 2, ..Usage::default() }),
        arguments(1, "{}"),
        finish(FinishReason::ToolCalls),
        Event::Done,
    ];
    assert_eq!(decode(&[&vendors_stream()]), Ok(expected));
}

#[test]
fn every_split_gives_the_same_events() {
    let stream = vendors_stream();
    let whole = decode(&[&stream]).unwrap();
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]).as_ref(), Ok(&whole), "split at {at}");
    }
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>()), Ok(whole));
}

#[test]
fn a_stream_is_whole_by_its_marker_or_by_its_finishes() {
    let head = r#"data: {"id":"c1","created":5,"model":"m-1","choices":[{"index":0,"delta":{"content":"a"}"#;
    let open = format!("{head}}}]}}\n\n");
    let finished = format!("{head},\"finish_reason\":\"length\"}}]}}\n\n");
    let cut = |stream: &str| decode(&[stream.as_bytes()]).map_err(|error| error.code.unwrap_or_default().into_owned());
    assert_eq!(cut(&open), Err("upstream_stream_truncated".into()));
    assert_eq!(cut("data: [DONE]\n\n"), Err("upstream_stream_truncated".into()));
    assert_eq!(cut(&finished), Ok(vec![start(), text("a"), finish(FinishReason::Length), Event::Done]));
    assert_eq!(cut(&format!("{open}data: [DONE]\n\n")), Ok(vec![start(), text("a"), finish(FinishReason::Stop), Event::Done]));
    assert_eq!(cut("data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n"), Err("rate_limit_exceeded".into()));
    assert_eq!(cut("data: {\"choices\":\n\n"), Err("upstream_invalid_event".into()));
}

#[test]
fn text_is_written_strictly() {
    let chunks = chunks(
        vec![start(), text("a"), text(""), text("b"), finish(FinishReason::Stop), Event::Usage(Usage::default()), Event::Done],
        true,
    );
    for chunk in &chunks {
        assert_eq!((&chunk["id"], &chunk["created"], &chunk["model"]), (&json!("c1"), &json!(5), &json!("m-1")));
    }
    let choices: Vec<Value> = chunks.iter().map(|chunk| chunk["choices"].clone()).collect();
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    assert_eq!(
        choices,
        [
            choice(json!({"role": "assistant", "content": ""}), Value::Null),
            choice(json!({"content": "a"}), Value::Null),
            choice(json!({"content": "b"}), Value::Null),
            choice(json!({}), json!("stop")),
            json!([]),
        ]
    );
    assert!(chunks[..4].iter().all(|chunk| chunk["usage"].is_null()) && chunks[4]["usage"]["total_tokens"] == 0);
}

#[test]
fn a_call_is_told_in_one_piece_where_the_client_takes_no_other() {
    let call = |index, name: &str| Event::ToolStart { choice: 0, index, id: format!("id{index}"), name: name.into() };
    let arguments = |index, fragment: &str| Event::ToolArguments { choice: 0, index, fragment: fragment.into() };
    let events = vec![
        start(),
        text("a"),
        call(0, "f"),
        arguments(0, "{\"x\""),
        call(1, "g"),
        arguments(0, ":1}"),
        finish(FinishReason::ToolCalls),
        Event::Done,
    ];
    let (mut encoder, mut out) = (OpenAiChat.whole_call_encoder(&reply()), BytesMut::new());
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    let deltas: Vec<Value> = payloads(&out)
        .iter()
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .map(|mut c| c["choices"][0]["delta"].take())
        .collect();
    let whole = |index, name: &str, arguments: &str| json!({"index": index, "id": format!("id{index}"), "type": "function", "function": {"name": name, "arguments": arguments}});
    let calls = json!({"tool_calls": [whole(0, "f", "{\"x\":1}"), whole(1, "g", "{}")]});
    assert_eq!(deltas[2..], [calls, json!({})]);
}

#[test]
fn usage_comes_only_where_it_was_asked_for() {
    let events = vec![start(), text("a"), finish(FinishReason::Stop), Event::Usage(Usage::default()), Event::Done];
    let chunks = chunks(events, false);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none() && chunk["choices"].get(0).is_some()));
}

#[test]
fn calls_are_told_once_and_have_arguments() {
    let deltas = deltas(vec![
        start(),
        Event::ToolStart { choice: 0, index: 0, id: "a".into(), name: "f".into() },
        Event::ToolArguments { choice: 0, index: 0, fragment: "{}".into() },
        Event::ToolStart { choice: 0, index: 1, id: "b".into(), name: "g".into() },
        finish(FinishReason::Stop),
        Event::Done,
    ]);
    let first = |index: u32, id: &str, name: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]});
    let more = |index: u32| json!({"tool_calls": [{"index": index, "function": {"arguments": "{}"}}]});
    assert_eq!(
        deltas,
        [json!({"role": "assistant", "content": null}), first(0, "a", "f"), more(0), first(1, "b", "g"), more(1), json!({})]
    );
}

#[test]
fn signed_reasoning_and_sources_come_before_the_end() {
    let citation = Citation { url: Some("u".into()), title: Some("t".into()), start: Some(0), end: Some(1), native: None };
    let deltas = deltas(vec![
        start(),
        Event::Thinking { choice: 0, text: "h".into() },
        Event::Thinking { choice: 0, text: "m".into() },
        Event::Signature { choice: 0, signature: "s".into() },
        Event::RedactedThinking { choice: 0, data: "d".into() },
        Event::Citation { choice: 0, citation: citation.clone() },
        text("a"),
        Event::Citation { choice: 0, citation },
        finish(FinishReason::Stop),
        Event::Done,
    ]);
    assert_eq!(deltas[1], json!({"reasoning_content": "h"}));
    let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]);
    assert_eq!(deltas[4], json!({ "thinking_blocks": blocks }));
    assert_eq!(deltas[5]["annotations"].as_array().map(Vec::len), Some(2));
    assert_eq!(deltas[6], json!({}));
}

#[test]
fn choices_are_kept_apart() {
    let chunks = chunks(
        vec![
            start(),
            Event::Text { choice: 1, text: "b".into() },
            Event::Text { choice: 0, text: "a".into() },
            Event::Refusal { choice: 1, text: "c".into() },
            Event::Finish { choice: 1, reason: FinishReason::ContentFilter, stop_sequence: None },
            Event::Finish { choice: 0, reason: FinishReason::Length, stop_sequence: None },
            Event::Done,
        ],
        false,
    );
    let of = |index: u32| chunks.iter().filter(move |chunk| chunk["choices"][0]["index"] == index);
    for (index, word, count) in [(0, "length", 3), (1, "content_filter", 4)] {
        let roles = of(index).filter(|chunk| chunk["choices"][0]["delta"].get("role").is_some()).count();
        assert_eq!((roles, of(index).count()), (1, count));
        assert_eq!(of(index).next_back().unwrap()["choices"][0]["finish_reason"], word);
    }
}

#[test]
fn an_empty_answer_still_opens_and_ends() {
    let deltas = deltas(vec![start(), finish(FinishReason::Stop), Event::Done]);
    assert_eq!(deltas, [json!({"role": "assistant", "content": ""}), json!({})]);
}

#[test]
fn an_error_is_written_with_all_four_keys_and_no_end() {
    let stream = encode(vec![start(), text("a"), Event::Error(ApiError::upstream("upstream_reset", "gone"))], true);
    let written = String::from_utf8(stream).unwrap();
    assert!(
        written.ends_with(
            "data: {\"error\":{\"message\":\"gone\",\"type\":\"upstream_error\",\"param\":null,\"code\":\"upstream_reset\"}}\n\n"
        )
    );
}
