use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Citation, Event, FinishReason, Usage};
use crate::dialect::cohere::Cohere;
use crate::dialect::testing;

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&Cohere, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&Cohere, &reply(), events)
}

/// The payloads of a stream; each frame is named as its payload is.
fn frames(stream: &[u8]) -> Vec<Value> {
    let read = |frame: &str| match frame.strip_prefix("data: ") {
        Some(end) => json!(end),
        None => {
            let (name, data) = frame.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            let value: Value = serde_json::from_str(data).unwrap();
            assert_eq!(value["type"], name);
            value
        }
    };
    std::str::from_utf8(stream).unwrap().split_terminator("\n\n").map(read).collect()
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn thinking(text: &str) -> Event {
    Event::Thinking { choice: 0, text: text.into() }
}
fn call(index: u32) -> Event {
    Event::ToolStart { choice: 0, index, id: format!("c{index}"), name: format!("f{index}") }
}
fn arguments(index: u32, fragment: &str) -> Event {
    Event::ToolArguments { choice: 0, index, fragment: fragment.into() }
}
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}
fn start() -> Event {
    Event::Start { id: Some("a".into()), model: None, created: None, usage: None }
}

const STREAM: &str = r#"event: message-start
data: {"id":"a","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}

event: content-start
data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}

event: content-delta
data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"hm"}}}}

event: content-end
data: {"type":"content-end","index":0}

event: content-start
data: {"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":"Gr"}}}}

event: content-delta
data: {"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"üße 😀"}}},"logprobs":{"text":"üße","token_ids":[7],"logprobs":[-0.5]}}

event: citation-start
data: {"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":6,"end":7,"text":"😀","sources":[],"content_index":1}}}}

event: citation-end
data: {"type":"citation-end","index":0}

event: debug
data: {"type":"debug","prompt":"x"}

event: tool-plan-delta
data: {"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I look."}}}

event: tool-call-start
data: {"type":"tool-call-start","index":4,"delta":{"message":{"tool_calls":{"id":"c0","type":"function","function":{"name":"f0","arguments":""}}}}}

event: tool-call-delta
data: {"type":"tool-call-delta","index":4,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\": 1.50}"}}}}}

event: tool-call-end
data: {"type":"tool-call-end","index":4}

event: message-end
data: {"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":1},"tokens":{"input_tokens":11.0,"output_tokens":7.0},"cached_tokens":4.0}}}

data: [DONE]

"#;

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let native = json!({"start": 6, "end": 7, "text": "😀", "sources": [], "content_index": 1});
    let logprob = json!({"token": "üße", "logprob": -0.5, "bytes": "üße".as_bytes(), "top_logprobs": []});
    let expected = [
        start(),
        thinking("hm"),
        text("Gr"),
        text("üße 😀"),
        Event::Logprobs { choice: 0, value: json!({"content": [logprob], "refusal": null}) },
        Event::Citation { choice: 0, citation: Citation { start: Some(6), end: Some(7), native: Some(native), ..Citation::default() } },
        text("I look."),
        call(0),
        arguments(0, "{\"a\": 1.50}"),
        finish(FinishReason::ToolCalls),
        Event::Usage(Usage { prompt: 11, completion: 7, cached: Some(4), ..Usage::default() }),
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
    let last = STREAM.find("data: [DONE]").unwrap();
    for at in 0..last {
        assert_eq!(decode(&[&stream[..at]]).1.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
    assert_eq!(decode(&[b"data: [DONE]\n\n"]).1.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
}

#[test]
fn errors_and_garbage_are_told() {
    for (data, status, message) in [
        (r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"boom"}}"#, 502, "boom"),
        (r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT","error":"late"}}"#, 504, "late"),
        (r#"{"id":"a","message":"boom"}"#, 502, "boom"),
    ] {
        let (events, end) = decode(&[format!("data: {data}\n\n").as_bytes()]);
        assert_eq!(end, Ok(()));
        assert!(matches!(&events[..], [Event::Error(e)] if e.status == status && e.message == message), "{events:?}");
    }
    for bad in [
        r#"{"type":"content-delta","index""#,
        "[]",
        "x",
        "{}",
        r#"{"type":"content-delta","index":0,"delta":{"message":{}}}"#,
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"x"}}}}}"#,
        r#"{"type":"message-end","delta":{}}"#,
    ] {
        let end = decode(&[format!("data: {bad}\n\n").as_bytes()]).1;
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_invalid_event"), "{bad}");
    }
    let (events, _) = decode(&[br#"data: {"type":"something-new","index":0}

"#]);
    assert!(events.is_empty(), "new events are left alone");
}

#[test]
fn a_stream_is_written_block_by_block() {
    let citation = Citation { url: Some("https://a".into()), start: Some(0), end: Some(2), ..Citation::default() };
    let frames = frames(&encode(vec![
        start(),
        thinking("hm"),
        text("Gr"),
        text("üße"),
        Event::Logprobs { choice: 0, value: json!({"content": [{"token": "üße", "logprob": -0.5}]}) },
        Event::Citation { choice: 0, citation },
        Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: Some("END".into()) },
        Event::Usage(Usage { prompt: 4, completion: 2, ..Usage::default() }),
        Event::Done,
    ]));
    let content = |index: u32, content: Value| json!({"type": "content-delta", "index": index, "delta": {"message": {"content": content}}});
    let begin = |index: u32, content: Value| json!({"type": "content-start", "index": index, "delta": {"message": {"content": content}}});
    let mut likely = content(1, json!({"text": ""}));
    likely["logprobs"] = json!({"text": "üße", "token_ids": [], "logprobs": [-0.5]});
    assert_eq!((&frames[0]["type"], &frames[0]["id"]), (&json!("message-start"), &json!("a")));
    let expected = [
        begin(0, json!({"type": "thinking", "thinking": ""})),
        content(0, json!({"thinking": "hm"})),
        json!({"type": "content-end", "index": 0}),
        begin(1, json!({"type": "text", "text": ""})),
        content(1, json!({"text": "Gr"})),
        content(1, json!({"text": "üße"})),
        likely,
    ];
    assert_eq!(frames[1..8], expected);
    let cited = &frames[8]["delta"]["message"]["citations"];
    assert_eq!((&frames[8]["type"], &cited["text"], &cited["content_index"]), (&json!("citation-start"), &json!("Gr"), &json!(1)));
    let counts = json!({"input_tokens": 4, "output_tokens": 2});
    let expected = [
        json!({"type": "citation-end", "index": 0}),
        json!({"type": "content-end", "index": 1}),
        json!({"type": "message-end", "delta": {"finish_reason": "STOP_SEQUENCE", "usage": {"billed_units": counts, "tokens": counts}}}),
        json!("[DONE]"),
    ];
    assert_eq!(frames[9..], expected);
}

#[test]
fn calls_are_told_one_after_the_other() {
    let frames = frames(&encode(vec![
        call(0),
        call(1),
        arguments(0, "{\"a\""),
        arguments(1, "{\"b\":2}"),
        arguments(0, ":1}"),
        call(2),
        finish(FinishReason::ToolCalls),
        Event::Done,
    ]));
    let begin = |index: u32| {
        let call = json!({"id": format!("c{index}"), "type": "function", "function": {"name": format!("f{index}"), "arguments": ""}});
        json!({"type": "tool-call-start", "index": index, "delta": {"message": {"tool_calls": call}}})
    };
    let delta = |index: u32, fragment: &str| json!({"type": "tool-call-delta", "index": index, "delta": {"message": {"tool_calls": {"function": {"arguments": fragment}}}}});
    let end = |index: u32| json!({"type": "tool-call-end", "index": index});
    let expected =
        [begin(0), delta(0, "{\"a\""), delta(0, ":1}"), end(0), begin(1), delta(1, "{\"b\":2}"), end(1), begin(2), delta(2, "{}"), end(2)];
    assert_eq!(frames[1..11], expected);
}

#[test]
fn an_error_ends_a_stream_without_its_end() {
    let frames = frames(&encode(vec![start(), text("a"), Event::Error(ApiError::upstream("x", "boom"))]));
    assert_eq!(frames.last(), Some(&json!({"type": "message-end", "delta": {"error": "boom", "finish_reason": "ERROR"}})));
}
