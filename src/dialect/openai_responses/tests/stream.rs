use bytes::BytesMut;
use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Citation, DialectId, ErrorKind, Event, FinishReason, Usage};
use crate::codec::sse;
use crate::dialect::openai_responses::OpenAiResponses;
use crate::dialect::{Dialect, proof, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&OpenAiResponses, pieces)
}

pub(super) fn encode_for(request: &Value, events: Vec<Event>) -> Vec<u8> {
    testing::encode(&OpenAiResponses, &reply(request), events)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    encode_for(&json!({}), events)
}

/// The events of a stream, each of which must be named by its type and numbered in order.
fn frames(stream: &[u8]) -> Vec<Value> {
    let (mut splitter, mut rest, mut frames) = (sse::Splitter::default(), stream, Vec::new());
    while let Some(end) = splitter.event_end(rest) {
        if let Some(event) = sse::read(&rest[..end]) {
            let data: Value = serde_json::from_slice(&event.data).unwrap();
            assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name);
            assert_eq!(data["sequence_number"], frames.len());
            frames.push(data);
        }
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    frames
}

fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().strip_prefix("response.").unwrap()).collect()
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

fn stream(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect()
}

/// A stream as OpenAI sends it.
fn recorded() -> String {
    let annotation = json!({"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 5});
    let completed = json!({"id": "resp_1", "status": "completed", "output": [], "usage": {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 18}});
    stream(&[
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "gpt-x", "created_at": 9, "output": []}}),
        json!({"type": "response.in_progress", "response": {"id": "resp_1", "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "summary": []}}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "hm"}),
        json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 1}),
        json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "so"}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
            "summary": [{"type": "summary_text", "text": "hm"}, {"type": "summary_text", "text": "so"}]}}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "web_search_call", "id": "ws"}}),
        json!({"type": "response.web_search_call.completed", "output_index": 1}),
        json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "message", "id": "msg_1", "content": []}}),
        json!({"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "Grüße", "logprobs": [], "obfuscation": "x"}),
        json!({"type": "response.output_text.annotation.added", "output_index": 2, "annotation": annotation}),
        json!({"type": "response.output_item.added", "output_index": 3, "item": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 3, "delta": "{\"a\":"}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 3, "delta": "1}"}),
        json!({"type": "response.output_item.done", "output_index": 3, "item": {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"}}),
        json!({"type": "response.output_item.added", "output_index": 4, "item": {"type": "function_call", "call_id": "c2", "name": "g", "arguments": ""}}),
        json!({"type": "response.output_item.done", "output_index": 4, "item": {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"}}),
        json!({"type": "response.completed", "response": completed}),
    ])
}

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[recorded().as_bytes()]);
    assert_eq!(end, Ok(()));
    let tool = |index, id: &str, name: &str| Event::ToolStart { choice: 0, index, id: id.into(), name: name.into() };
    let citation = Citation { url: Some("https://a".into()), title: Some("A".into()), start: Some(0), end: Some(5), native: None };
    assert_eq!(
        events,
        [
            Event::Start { id: Some("resp_1".into()), model: Some("gpt-x".into()), created: Some(9), usage: None },
            thinking("hm"),
            thinking("\n\n"),
            thinking("so"),
            signature(&proof::mark(DialectId::OpenAiResponses, "rs_1.gAAA")),
            text("Grüße"),
            Event::Citation { choice: 0, citation },
            tool(0, "c1", "f"),
            arguments(0, "{\"a\":"),
            arguments(0, "1}"),
            tool(1, "c2", "g"),
            arguments(1, "{}"),
            finish(FinishReason::ToolCalls),
            Event::Usage(Usage { prompt: 11, completion: 7, cached: Some(4), reasoning: Some(2), ..Usage::default() }),
            Event::Done,
        ]
    );
}

#[test]
fn every_split_decodes_alike() {
    let stream = recorded();
    let stream = stream.as_bytes();
    let whole = decode(&[stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(&[&stream[..at], &stream[at..]]), whole, "split at {at}");
    }
    assert_eq!(decode(&stream.chunks(1).collect::<Vec<_>>()), whole);
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    let stream = recorded();
    for at in 0..stream.rfind("event: ").unwrap() {
        let (_, end) = decode(&[&stream.as_bytes()[..at]]);
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
}

#[test]
fn broken_events_and_in_band_errors_are_told() {
    let (_, end) = decode(&[b"data: {\"type\":\"response.output_te\n\n"]);
    assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_invalid_event"));
    let limited = json!({"code": "rate_limit_exceeded", "message": "slow"});
    for event in [
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": null}),
        json!({"type": "error", "error": limited}),
        json!({"type": "response.failed", "response": {"status": "failed", "output": [], "error": limited}}),
    ] {
        let (events, end) = decode(&[stream(&[event]).as_bytes()]);
        assert_eq!(end, Ok(()));
        assert!(
            matches!(&events[..], [Event::Error(e)] if (e.status, e.kind, e.message.as_str()) == (429, ErrorKind::RateLimit, "slow")),
            "{events:?}"
        );
    }
    let mut out = BytesMut::new();
    OpenAiResponses.write_error_event(&ApiError::timeout("slow"), &mut out);
    let (events, _) = decode(&[&out]);
    assert!(matches!(&events[..], [Event::Error(error)] if error.message == "slow"));
}

#[test]
fn events_come_in_the_documented_order() {
    let citation = Citation { url: Some("https://a".into()), ..Citation::default() };
    let frames = frames(&encode(vec![
        Event::Start { id: Some("chatcmpl-1".into()), model: Some("gpt-x".into()), created: None, usage: None },
        thinking("hm"),
        text("hi"),
        Event::Citation { choice: 0, citation },
        Event::Refusal { choice: 0, text: "no".into() },
        call(0),
        arguments(0, "{}"),
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 2, completion: 1, ..Usage::default() }),
        Event::Done,
    ]));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&frames), expected);
    let response = &frames.last().unwrap()["response"];
    let kinds: Vec<_> = response["output"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!((&response["status"], &response["usage"]["total_tokens"]), (&json!("completed"), &json!(3)));
    assert_eq!(response["id"], frames[0]["response"]["id"]);
    for done in frames.iter().filter(|frame| frame["type"] == "response.output_item.done") {
        let index = usize::try_from(done["output_index"].as_u64().unwrap()).unwrap();
        assert_eq!(done["item"], response["output"][index]);
    }
    assert_eq!(frames[15]["content_index"], 1);
}

#[test]
fn items_never_interleave_and_an_incomplete_answer_is_told() {
    let frames = frames(&encode(vec![
        call(0),
        arguments(0, "{\"a\""),
        call(1),
        arguments(1, "{\"b\""),
        arguments(0, ":1}"),
        text("after"),
        arguments(1, ":2}"),
        finish(FinishReason::Length),
        Event::Done,
    ]));
    let mut open = None;
    for frame in &frames {
        let index = frame["output_index"].as_u64();
        match frame["type"].as_str().unwrap() {
            "response.output_item.added" => {
                assert_eq!(open, None);
                open = index;
            }
            "response.output_item.done" => assert_eq!(index, open.take()),
            _ => assert_eq!(index, open),
        }
    }
    let last = frames.last().unwrap();
    assert_eq!(
        (&last["type"], &last["response"]["incomplete_details"]["reason"]),
        (&json!("response.incomplete"), &json!("max_output_tokens"))
    );
    let output = &last["response"]["output"];
    assert_eq!((&output[0]["arguments"], &output[1]["arguments"]), (&json!("{\"a\":1}"), &json!("{\"b\":2}")));
    assert_eq!(output[2]["content"][0]["text"], "after");
}

#[test]
fn a_custom_tools_text_comes_unwrapped() {
    let asked = json!({"tools": [{"type": "custom", "name": "f0"}]});
    let events = vec![call(0), arguments(0, "{\"input\":"), arguments(0, "\"*** Begin\"}"), finish(FinishReason::ToolCalls), Event::Done];
    let frames = frames(&encode_for(&asked, events));
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "completed",
    ];
    assert_eq!(types(&frames), expected);
    assert_eq!((&frames[3]["delta"], &frames[5]["item"]["input"]), (&json!("*** Begin"), &json!("*** Begin")));
}

#[test]
fn an_empty_answer_is_whole() {
    assert_eq!(types(&frames(&encode(vec![finish(FinishReason::Stop), Event::Done]))), ["created", "in_progress", "completed"]);
}
