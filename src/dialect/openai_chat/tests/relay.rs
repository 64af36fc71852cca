//! Relayed streams and answers: of vendors that keep to the format, and of those that do not.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{frames, payloads, reply, stream};
use crate::chat::{ApiError, Usage};
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Dialect, Edited, Quirks, Reply, Seen, Verdict};

/// What the client of a relayed stream gets.
#[derive(Debug, PartialEq)]
struct Relayed {
    bytes: Vec<u8>,
    seen: Seen,
    error: Option<ApiError>,
}

fn relay(pieces: &[&[u8]], normalize: bool, include_usage: bool) -> Relayed {
    let mut tap = OpenAiChat.tap(&Reply { include_usage, ..reply() }, &quirks(normalize));
    let mut relayed = Relayed { bytes: Vec::new(), seen: Seen::default(), error: None };
    for frame in frames(pieces) {
        match tap.event(&frame, &mut relayed.seen) {
            Verdict::Pass => relayed.bytes.extend_from_slice(&frame),
            Verdict::Drop => {}
            Verdict::Replace(bytes) => relayed.bytes.extend(bytes),
            Verdict::Fail(error) => {
                relayed.error = Some(error);
                return relayed;
            }
        }
    }
    match tap.end(&mut relayed.seen) {
        Ok(owed) => relayed.bytes.extend(owed),
        Err(error) => relayed.error = Some(error),
    }
    relayed
}

fn quirks(normalize: bool) -> Quirks {
    let mut quirks = Quirks::default();
    quirks.response.normalize = normalize;
    quirks
}

/// The chunks of a stream that a deviating vendor sends, as the client gets them.
fn normalized(chunks: &[&str]) -> Vec<Value> {
    let relayed = relay(&[&stream(chunks)], true, true);
    assert_eq!(relayed.error, None);
    let mut payloads = payloads(&relayed.bytes);
    assert_eq!(payloads.pop().as_deref(), Some("[DONE]"));
    payloads.iter().map(|payload| serde_json::from_str(payload).unwrap()).collect()
}

fn plain() -> Vec<u8> {
    stream(&[
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null"#,
        r#""choices":[{"index":0,"delta":{"content":"h\"é"},"finish_reason":null}],"usage":null"#,
        r#""choices":[{"index":0,"delta":{"content":"😀"},"finish_reason":null}],"usage":null"#,
        r#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null"#,
        r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#,
    ])
}

const USAGE: Usage = Usage {
    prompt: 3,
    completion: 2,
    cached: None,
    cache_write: None,
    cache_write_1h: None,
    reasoning: None,
    audio_in: None,
    audio_out: None,
    accepted_prediction: None,
    rejected_prediction: None,
    image_in: None,
    image_out: None,
    tier: crate::base::service_tier::ServiceTier::Standard,
};

#[test]
fn a_plain_stream_passes_byte_for_byte() {
    let whole = plain();
    let relayed = relay(&[&whole], false, true);
    assert_eq!(relayed.bytes, whole);
    assert_eq!(relayed.seen, Seen { content: true, said: relayed.seen.said, done: true, usage: Some(USAGE) });
}

#[test]
fn usage_that_was_not_asked_for_is_taken_out() {
    for normalize in [false, true] {
        let relayed = relay(&[&plain()], normalize, false);
        assert!(!String::from_utf8_lossy(&relayed.bytes).contains("prompt_tokens"));
        assert_eq!(relayed.seen.usage, Some(USAGE));
        assert!(relayed.seen.done);
    }
}

#[test]
fn every_split_gives_the_same() {
    let deviating = stream(&[
        r#""choices":[{"index":0,"delta":{"role":"assistant","reasoning":"hm"}}]"#,
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"é"},"finish_reason":"eos"}],"usage":{"prompt_tokens":3,"completion_tokens":2}"#,
    ]);
    for (stream, normalize) in [(plain(), false), (plain(), true), (deviating, true)] {
        let whole = relay(&[&stream], normalize, true);
        assert_eq!(whole.error, None);
        for at in 0..=stream.len() {
            assert_eq!(relay(&[&stream[..at], &stream[at..]], normalize, true), whole, "split at {at}");
        }
        assert_eq!(relay(&stream.chunks(1).collect::<Vec<_>>(), normalize, true), whole);
    }
}

#[test]
fn a_cut_at_any_byte_before_the_end_is_an_error() {
    let whole = plain();
    let text = String::from_utf8_lossy(&whole).into_owned();
    let finish = text.find(r#""finish_reason":"stop""#).unwrap();
    let finished = finish + text[finish..].find("\n\n").unwrap() + 2;
    for normalize in [false, true] {
        for at in 0..whole.len() {
            let cut = relay(&[&whole[..at]], normalize, true);
            if at < finished {
                assert_eq!(cut.error.and_then(|error| error.code).as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
            } else {
                // Every choice had finished: the answer is whole, and the client is told so.
                assert_eq!(cut.error, None, "cut at {at}");
                assert!(cut.bytes.ends_with(b"data: [DONE]\n\n") && cut.seen.done);
            }
        }
    }
}

#[test]
fn errors_and_garbage_inside_a_stream_end_it() {
    let first = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#;
    for normalize in [false, true] {
        for (event, status, code, message) in [
            (r#"data: {"error":{"message":"boom","type":"server_error","code":null}}"#, 502, "upstream_error", "boom"),
            ("event: error\ndata: {\"error\":{\"message\":\"boom\",\"code\":429}}", 429, "rate_limit_exceeded", "boom"),
            (r#"data: {"error":"boom"}"#, 502, "upstream_error", "boom"),
            (r#"data: {"choices":[{"index":0,"delta":{"content":"x""#, 502, "upstream_invalid_event", "not valid JSON"),
            ("data: oops", 502, "upstream_invalid_event", "not valid JSON"),
        ] {
            let relayed = relay(&[format!("{first}\n\n{event}\n\ndata: [DONE]\n\n").as_bytes()], normalize, true);
            let error = relayed.error.unwrap_or_else(|| panic!("{event}"));
            assert_eq!((error.status, error.code.as_deref()), (status, Some(code)), "{event}");
            assert!(error.message.contains(message));
            assert!(!String::from_utf8_lossy(&relayed.bytes).contains("[DONE]"));
        }
    }
}

#[test]
fn content_begins_with_the_first_thing_said() {
    let mut tap = OpenAiChat.tap(&reply(), &Quirks::default());
    let mut seen = Seen::default();
    for (event, content) in [
        (": hello\n\n", false),
        ("data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n", false),
        ("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\"}]}}]}\n\n", true),
    ] {
        assert_eq!(tap.event(event.as_bytes(), &mut seen), Verdict::Pass);
        assert_eq!(seen.content, content, "{event}");
    }
}

#[test]
fn legacy_text_streams_are_watched_alike() {
    let stream =
        b"data: {\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\",\"index\":0,\"finish_reason\":null}]}\n\n\
        data: {\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}\n\n";
    let relayed = relay(&[stream], false, true);
    assert_eq!(relayed.error, None);
    assert!(relayed.bytes.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn a_deviating_stream_is_brought_to_the_letter() {
    let chunks = normalized(&[
        r#""choices":[{"index":0,"delta":{"role":"assistant","reasoning":"hm"}}]"#,
        r#""choices":[{"delta":{"role":"assistant","content":[{"type":"text","text":"a"}]}}]"#,
        r#""choices":[{"index":0,"content_filter_results":{}}]"#,
        r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":4,"id":"t","type":"function","function":{"name":"f","arguments":{"x":1}}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}"#,
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]"#,
    ]);
    for chunk in &chunks {
        assert_eq!((&chunk["model"], &chunk["created"], &chunk["object"]), (&json!("m-1"), &json!(5), &json!("chat.completion.chunk")));
        assert_eq!(chunk["id"], "c1");
    }
    let deltas: Vec<&Value> = chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|choice| &choice["delta"]).collect();
    assert_eq!(deltas[0], &json!({"role": "assistant", "reasoning_content": "hm"}));
    assert_eq!(deltas[1], &json!({"content": "a"}));
    let call = json!({"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}});
    assert_eq!(deltas[2], &json!({"tool_calls": [call]}));
    assert_eq!(deltas[3], &json!({}));
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(chunks[4]["choices"], json!([]));
    assert_eq!(chunks[4]["usage"]["total_tokens"], 5);
    assert_eq!(chunks.len(), 5);
}

#[test]
fn the_first_chunk_that_says_something_gives_the_stream_its_head() {
    let stream = "data: {\"id\":\"\",\"model\":\"\",\"created\":0,\"choices\":[],\"prompt_filter_results\":[]}\n\n\
        data: {\"id\":\"a\",\"model\":\"x\",\"created\":3,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
        data: {\"id\":\"b\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n";
    let relayed = relay(&[stream.as_bytes()], true, true);
    for payload in payloads(&relayed.bytes).iter().filter(|payload| *payload != "[DONE]") {
        let chunk: Value = serde_json::from_str(payload).unwrap();
        assert_eq!((&chunk["id"], &chunk["model"], &chunk["created"]), (&json!("a"), &json!("x"), &json!(3)), "{payload}");
    }
    assert_eq!(relayed.seen.usage, None);
}

#[test]
fn what_does_not_deviate_passes_with_the_same_bytes() {
    let head = r#"{"id":"c1","object":"chat.completion.chunk","created":5,"model":"m-1""#;
    let frame = format!("data: {head},\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",  \"content\":\"a\"}}}}]}}\r\n\r\n");
    let mut tap = OpenAiChat.tap(&reply(), &quirks(true));
    assert_eq!(tap.event(frame.as_bytes(), &mut Seen::default()), Verdict::Pass);
}

#[test]
fn a_call_after_a_finish_comes_before_the_end() {
    let chunks = normalized(&[
        r#""choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]"#,
        r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]},"finish_reason":"tool_calls"}]"#,
    ]);
    let finishes: Vec<bool> = chunks.iter().map(|chunk| chunk["choices"][0]["finish_reason"].is_string()).collect();
    assert_eq!(finishes, [false, false, false, true]);
    assert_eq!(chunks[2]["choices"][0]["delta"], json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}));
}

#[test]
fn a_vendor_that_gave_up_is_an_error() {
    for (word, status) in [("error", 502), ("insufficient_system_resource", 503)] {
        let chunk = format!(r#""choices":[{{"index":0,"delta":{{"content":"a"}},"finish_reason":"{word}"}}]"#);
        assert_eq!(relay(&[&stream(&[&chunk])], true, true).error.map(|error| error.status), Some(status));
    }
}

fn whole(body: &str, normalize: bool) -> Result<Edited, ApiError> {
    OpenAiChat.edit_response(Bytes::copy_from_slice(body.as_bytes()), &reply(), &quirks(normalize))
}

#[test]
fn whole_answers_pass_or_are_repaired() {
    let deviating = r#"  {"choices":[{"message":{"content":[{"type":"text","text":"a"}],"tool_calls":[{"function":{"name":"f"}}]},"finish_reason":"eos"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let passed = whole(deviating, false).unwrap();
    assert_eq!(passed.body.as_ref(), deviating.as_bytes());
    assert_eq!(passed.usage, Some(USAGE));
    let repaired: Value = serde_json::from_slice(&whole(deviating, true).unwrap().body).unwrap();
    let choice = &repaired["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["message"]["role"]), (&json!("a"), &json!("assistant")));
    assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(0), &json!("tool_calls")));
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!((&repaired["model"], &repaired["created"], &repaired["object"]), (&json!("m"), &json!(7), &json!("chat.completion")));
    let held_back =
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"content_filter"}]}"#;
    let repaired: Value = serde_json::from_slice(&whole(held_back, true).unwrap().body).unwrap();
    assert_eq!(repaired["choices"][0]["message"]["content"], Value::Null);
}

#[test]
fn answers_of_other_endpoints_pass() {
    for body in [
        r#"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
        r#"{"id":"m","results":[]}"#,
        r#"{"object":"text_completion","choices":[{"text":"a","finish_reason":"stop"}]}"#,
        r#"{"text":"hello"}"#,
    ] {
        assert_eq!(whole(body, false).unwrap().body.as_ref(), body.as_bytes());
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (body, status, code) in [
        ("<html></html>", 502, "upstream_invalid_response"),
        (r#"{"choices":[{"message":{"content":"a"#, 502, "upstream_invalid_response"),
        (r#"["x"]"#, 502, "upstream_invalid_response"),
        (r#"{"foo":1}"#, 502, "upstream_invalid_response"),
        (r#"{"choices":{}}"#, 502, "upstream_invalid_response"),
        (r#"{"choices":[{"index":0}]}"#, 502, "upstream_invalid_response"),
        (r#"{"error":{"code":402,"message":"no credit"}}"#, 402, "insufficient_quota"),
        (r#"{"code":"InvalidApiKey","message":"no","request_id":"r"}"#, 401, "upstream_auth_failed"),
        (r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#, 400, "400"),
    ] {
        let error = whole(body, false).unwrap_err();
        assert_eq!((error.status, error.code.as_deref()), (status, Some(code)), "{body}");
    }
}

/// Another dialect could not say it: Gemini's answer would be one that nobody can read.
#[test]
fn an_answer_without_a_choice_is_not_translated() {
    let body = r#"{"id":"c","object":"chat.completion","model":"m","choices":[],"usage":{"prompt_tokens":1}}"#;
    let error = OpenAiChat.read_response(body.as_bytes()).unwrap_err();
    assert_eq!((error.status, error.code.as_deref()), (502, Some("upstream_invalid_response")));
}
