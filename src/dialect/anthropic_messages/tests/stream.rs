use serde_json::Value;

use super::reply;
use crate::chat::{ApiError, Citation, Collector, ErrorKind, Event, FinishReason, PartKind, Usage};
use crate::codec::sse;
use crate::dialect::anthropic_messages::AnthropicMessages;
use crate::dialect::anthropic_messages::signature::UNSIGNED;
use crate::dialect::testing;

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&AnthropicMessages, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&AnthropicMessages, &reply(), events)
}

/// The `data` of every frame, each of which must be named by its type.
fn frames(stream: &[u8]) -> Vec<Value> {
    let (mut splitter, mut rest, mut frames) = (sse::Splitter::default(), stream, Vec::new());
    while let Some(end) = splitter.event_end(rest) {
        let event = sse::read(&rest[..end]).unwrap();
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        assert_eq!(data["type"].as_str().unwrap().as_bytes(), event.name);
        frames.push(data);
        rest = &rest[end..];
    }
    assert!(rest.is_empty());
    frames
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
fn finish(reason: FinishReason) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"model\":\"claude\",\"content\":[],\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}   \n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n\
event: ping\ndata: {\"type\": \"ping\"}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
event: content_block_start\r\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\r\n\r\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße 😀\"}}  \n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"citations_delta\",\"citation\":{\"type\":\"web_search_result_location\",\"url\":\"https://a\",\"title\":\"A\"}}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n\
event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n\
event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}}\n\n\
event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\n\
event: something_new\ndata: {\"type\":\"something_new\",\"index\":\"x\",\"delta\":7}\n\n\
event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":30}}\n\n\
event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let usage = |completion| Usage { prompt: 15, completion, cached: Some(5), ..Usage::default() };
    let native = serde_json::json!({"type": "web_search_result_location", "url": "https://a", "title": "A"});
    let citation = Citation { url: Some("https://a".into()), title: Some("A".into()), start: Some(0), end: Some(7), native: Some(native) };
    let tool = |index, id: &str, name: &str| Event::ToolStart { choice: 0, index, id: id.into(), name: name.into() };
    assert_eq!(
        events,
        [
            Event::Start { id: Some("msg_1".into()), model: Some("claude".into()), created: None, usage: Some(usage(1)) },
            Event::Ping,
            thinking("hm"),
            Event::Signature { choice: 0, signature: "c2ln".into() },
            text("Grüße 😀"),
            Event::Citation { choice: 0, citation },
            tool(0, "t1", "f"),
            arguments(0, "{\"a\":"),
            arguments(0, "1}"),
            tool(1, "t2", "g"),
            arguments(1, "{}"),
            finish(FinishReason::ToolCalls),
            Event::Usage(usage(30)),
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
fn a_stream_cut_anywhere_is_an_error() {
    let marker = STREAM.rfind("event: message_stop").unwrap();
    for at in 0..marker {
        let (_, end) = decode(&[&STREAM.as_bytes()[..at]]);
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
}

#[test]
fn broken_events_and_in_band_errors_are_told() {
    for bad in ["{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_del", "{\"type\":\"content_block_start\"}", "[]"]
    {
        let (_, end) = decode(&[format!("data: {bad}\n\n").as_bytes()]);
        assert_eq!(end.unwrap_err().code.as_deref(), Some("upstream_invalid_event"), "{bad}");
    }
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let (events, end) = decode(&[error.as_bytes(), STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let [Event::Error(error)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((error.kind, error.status, error.message.as_str()), (ErrorKind::Overloaded, 503, "busy"));
}

#[test]
fn structured_output_by_tool_comes_as_text() {
    let stream = STREAM.replace("\"name\":\"f\"", "\"name\":\"json_tool_call\"").replace("\"index\":4", "\"index\":9");
    let cut = stream.find("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":9").unwrap();
    let tail = stream.find("event: message_delta").unwrap();
    let (events, end) = decode(&[&stream.as_bytes()[..cut], &stream.as_bytes()[tail..]]);
    assert_eq!(end, Ok(()));
    assert!(events.contains(&text("{\"a\":")) && events.contains(&finish(FinishReason::Stop)));
    assert!(!events.iter().any(|event| matches!(event, Event::ToolStart { .. })));
}

#[test]
fn an_answer_by_tool_is_the_same_text_however_its_json_and_its_bytes_are_split() {
    let json = r#"{"city":"Köln \"am\" Rhein","n":[1,{}]}"#;
    let frame = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let delta = |part: &str| {
        frame(serde_json::json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": part}}))
    };
    let tool = serde_json::json!({"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {}});
    let head = frame(serde_json::json!({"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}}))
        + &frame(serde_json::json!({"type": "content_block_start", "index": 0, "content_block": tool}));
    let tail = frame(serde_json::json!({"type": "content_block_stop", "index": 0}))
        + &frame(serde_json::json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}}))
        + &frame(serde_json::json!({"type": "message_stop"}));
    let told = |events: Vec<Event>| {
        let mut collector = Collector::default();
        events.into_iter().for_each(|event| collector.push(event).unwrap());
        let choice = collector.finish().unwrap().choices.remove(0);
        (choice.parts.into_iter().map(|part| part.kind).collect::<Vec<_>>(), choice.finish)
    };
    let expected = (vec![PartKind::Text(json.into())], FinishReason::Stop);
    for at in (0..=json.len()).filter(|at| json.is_char_boundary(*at)) {
        let stream = format!("{head}{}{}{tail}", delta(&json[..at]), delta(&json[at..]));
        let (events, end) = decode(&[stream.as_bytes()]);
        assert_eq!((told(events), end), (expected.clone(), Ok(())), "JSON split at {at}");
    }
    let stream = format!("{head}{}{tail}", delta(json));
    for at in 0..=stream.len() {
        let (events, end) = decode(&[&stream.as_bytes()[..at], &stream.as_bytes()[at..]]);
        assert_eq!((told(events), end), (expected.clone(), Ok(())), "bytes split at {at}");
        let cut = decode(&[&stream.as_bytes()[..at]]);
        assert_eq!(cut.1.is_ok(), at == stream.len(), "cut at {at}");
    }
}

#[test]
fn what_is_encoded_decodes_to_the_same_events() {
    let usage = Usage { prompt: 9, completion: 4, cached: Some(2), cache_write: Some(1), reasoning: Some(3), ..Usage::default() };
    let native = serde_json::json!({"type": "page_location", "document_title": "D"});
    let citation = Citation { title: Some("D".into()), start: Some(0), end: Some(5), native: Some(native), ..Citation::default() };
    let start = Usage { completion: 0, ..usage };
    let events = vec![
        Event::Start { id: Some("msg_7".into()), model: Some("fast".into()), created: None, usage: Some(start) },
        Event::Ping,
        thinking("let "),
        thinking("me see"),
        Event::Signature { choice: 0, signature: "sig".into() },
        Event::RedactedThinking { choice: 0, data: "blob".into() },
        text("cited"),
        Event::Citation { choice: 0, citation },
        text("plain"),
        call(0),
        arguments(0, "{\"x\":"),
        arguments(0, "\"é\"}"),
        call(1),
        arguments(1, "{}"),
        finish(FinishReason::ToolCalls),
        Event::Usage(usage),
        Event::Done,
    ];
    let (mut decoded, end) = decode(&[&encode(events.clone())]);
    assert_eq!(end, Ok(()));
    if let Some(Event::Start { usage: Some(usage), .. }) = decoded.first_mut() {
        usage.cached = usage.cached.or(Some(0));
    }
    assert_eq!(decoded, events);
}

#[test]
fn blocks_never_interleave() {
    let stream = encode(vec![
        text("look"),
        call(0),
        arguments(0, "{\"a\""),
        call(1),
        arguments(1, "{\"b\""),
        arguments(0, ":1}"),
        text("after"),
        arguments(1, ":2}"),
        finish(FinishReason::ToolCalls),
        Event::Done,
    ]);
    let mut open = None;
    let mut next = 0;
    for frame in frames(&stream) {
        let index = frame["index"].as_u64();
        match frame["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(next)));
                open = index;
                next += 1;
            }
            "content_block_delta" => assert_eq!(index, open),
            "content_block_stop" => assert_eq!(index, open.take()),
            _ => assert_eq!(open, None),
        }
    }
    let (events, _) = decode(&[&stream]);
    let mut collector = Collector::default();
    events.into_iter().for_each(|event| collector.push(event).unwrap());
    let parts: Vec<_> = collector.finish().unwrap().choices.remove(0).parts.into_iter().map(|part| part.kind).collect();
    let called = |id: &str, name: &str, arguments: &str| PartKind::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        custom: false,
    };
    let expected = [
        PartKind::Text("look".into()),
        called("call_0", "f0", "{\"a\":1}"),
        called("call_1", "f1", "{\"b\":2}"),
        PartKind::Text("after".into()),
    ];
    assert_eq!(parts, expected);
}

#[test]
fn a_stream_of_another_vendor_gets_what_clients_insist_on() {
    let usage = Usage { prompt: 20, completion: 6, cached: Some(8), ..Usage::default() };
    let stream = encode(vec![
        Event::Start { id: Some("chatcmpl-1".into()), model: Some("gpt".into()), created: Some(3), usage: None },
        thinking("hm"),
        text("hi"),
        finish(FinishReason::Stop),
        Event::Usage(usage),
        Event::Done,
    ]);
    let frames = frames(&stream);
    let message = &frames[0]["message"];
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!((&message["model"], &message["usage"]["input_tokens"]), (&"fast".into(), &42.into()));
    let signed = frames.iter().find(|f| f["delta"]["type"] == "signature_delta").unwrap();
    assert_eq!(signed["delta"]["signature"], UNSIGNED);
    let [.., delta, stop] = &frames[..] else { panic!() };
    assert_eq!(delta["delta"], serde_json::json!({"stop_reason": "end_turn", "stop_sequence": null}));
    assert_eq!((&delta["usage"]["input_tokens"], &delta["usage"]["cache_read_input_tokens"]), (&12.into(), &8.into()));
    assert_eq!(stop["type"], "message_stop");
}

#[test]
fn an_empty_answer_still_has_a_block_and_an_error_ends_the_stream() {
    let empty = frames(&encode(vec![finish(FinishReason::Stop), Event::Done]));
    let kinds: Vec<_> = empty.iter().map(|f| f["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]);
    let failed = frames(&encode(vec![text("ha"), Event::Error(ApiError::timeout("slow"))]));
    let error = failed.last().unwrap();
    assert_eq!(error["error"], serde_json::json!({"type": "timeout_error", "message": "slow"}));
}
