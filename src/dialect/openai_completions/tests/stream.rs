use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::dialect::openai_completions::OpenAiCompletions;
use crate::dialect::{Dialect, Quirks, Reply, Seen, Verdict, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&OpenAiCompletions, pieces)
}

pub(super) fn encode(reply: &Reply, events: Vec<Event>) -> Vec<u8> {
    testing::encode(&OpenAiCompletions, reply, events)
}

/// The payloads of a stream.
fn payloads(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).unwrap();
    text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).map(str::to_owned).collect()
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: text.into() }
}
fn finish(choice: u32, reason: FinishReason) -> Event {
    Event::Finish { choice, reason, stop_sequence: None }
}
fn start() -> Event {
    Event::Start { id: Some("cmpl-1".into()), model: Some("m-1".into()), created: Some(5), usage: None }
}

const STREAM: &str = "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":5,\"model\":\"m-1\",\"choices\":[{\"text\":\"Grüße \",\"index\":0,\"logprobs\":{\"tokens\":[\"Grüße \"],\"token_logprobs\":[-0.5],\"top_logprobs\":null,\"text_offset\":[0]},\"finish_reason\":null}],\"usage\":null}\n\n\
: ping\n\n\
data: {\"id\":\"cmpl-1\",\"choices\":[{\"text\":\"b\",\"index\":1,\"logprobs\":null,\"finish_reason\":\"length\"}]}\r\n\r\n\
data: {\"id\":\"cmpl-1\",\"choices\":[{\"text\":\"😀\",\"index\":0,\"finish_reason\":\"eos\"}]}\n\n\
data: {\"id\":\"cmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n\
data: [DONE]\n\n";

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let logprobs = json!({"content": [{"token": "Grüße ", "logprob": -0.5, "bytes": null, "top_logprobs": []}], "refusal": null});
    let expected = [
        start(),
        text("Grüße "),
        Event::Logprobs { choice: 0, value: logprobs },
        Event::Text { choice: 1, text: "b".into() },
        finish(1, FinishReason::Length),
        text("😀"),
        finish(0, FinishReason::Stop),
        Event::Usage(Usage { prompt: 3, completion: 2, ..Usage::default() }),
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
    // From the end of the last choice on the answer is whole, marker or not.
    let finished = STREAM.find("\"eos\"").unwrap() + "\"eos\"}]}\n\n".len();
    for at in 0..finished {
        let error = decode(&[&stream[..at]]).1.unwrap_err();
        // One choice of two may have been all there was, so far.
        assert_eq!(error.code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
    assert_eq!(decode(&[&stream[..finished]]).0.last(), Some(&Event::Done));
    let unfinished = b"data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\ndata: [DONE]\n\n";
    assert_eq!(decode(&[unfinished]).0[1..], [text("a"), finish(0, FinishReason::Stop), Event::Done]);
}

#[test]
fn errors_and_garbage_are_told() {
    for (frame, code) in [
        (r#"{"error":{"message":"boom"}}"#, "upstream_error"),
        (r#"{"choices":[{"text":"a","index":0,"finish_reason":"error"}]}"#, "upstream_error"),
        (r#"{"choices":"#, "upstream_invalid_event"),
        ("[]", "upstream_invalid_event"),
        (r#"{"choices":[5]}"#, "upstream_invalid_event"),
        ("[DONE]", "upstream_stream_truncated"),
    ] {
        assert_eq!(decode(&[format!("data: {frame}\n\n").as_bytes()]).1.unwrap_err().code.as_deref(), Some(code), "{frame}");
    }
    for (body, code) in [
        ("{}", "upstream_invalid_response"),
        (r#"{"choices":[{"message":{"content":"a"}}]}"#, "upstream_invalid_response"),
        ("<html>", "upstream_invalid_response"),
        (r#"{"error":"boom"}"#, "upstream_error"),
    ] {
        assert_eq!(OpenAiCompletions.read_response(body.as_bytes()).unwrap_err().code.as_deref(), Some(code), "{body}");
    }
}

#[test]
fn chunks_tell_the_text_after_the_prompt_if_it_is_wanted() {
    let logprobs = |token: &str| json!({"content": [{"token": token, "logprob": -1.0, "top_logprobs": []}]});
    let usage = Usage { prompt: 4, completion: 2, ..Usage::default() };
    let stream = encode(
        &reply(&json!({"prompt": ["Once"], "echo": true})),
        vec![
            start(),
            Event::Thinking { choice: 0, text: "hm".into() },
            text(" upon"),
            Event::Logprobs { choice: 0, value: logprobs(" upon") },
            Event::Logprobs { choice: 0, value: logprobs(" a") },
            finish(0, FinishReason::Length),
            Event::Usage(usage),
            Event::Done,
        ],
    );
    let told = payloads(&stream);
    assert_eq!(told.last().map(String::as_str), Some("[DONE]"));
    let chunks: Vec<Value> = told.iter().filter_map(|chunk| serde_json::from_str(chunk).ok()).collect();
    let first = json!({"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m-1", "usage": null,
        "choices": [{"text": "Once", "index": 0, "logprobs": null, "finish_reason": null}]});
    assert_eq!(chunks[0], first);
    let choice = |at: usize| &chunks[at]["choices"][0];
    assert_eq!((&choice(1)["text"], &choice(3)["logprobs"]["text_offset"]), (&json!(" upon"), &json!([5])));
    assert_eq!((&choice(4)["text"], &choice(4)["finish_reason"]), (&json!(""), &json!("length")));
    assert_eq!((&chunks[5]["choices"], &chunks[5]["usage"]["total_tokens"]), (&json!([]), &json!(6)));
    let quiet = Reply { include_usage: false, ..reply(&json!({})) };
    let stream = encode(&quiet, vec![text("a"), finish(0, FinishReason::ToolCalls), Event::Usage(usage), Event::Done]);
    assert_eq!(payloads(&stream).len(), 3);
    assert!(!String::from_utf8(stream).unwrap().contains("usage"));
}

#[test]
fn a_relayed_stream_is_whole_with_its_end_only() {
    for normalize in [false, true] {
        let mut quirks = Quirks::default();
        quirks.response.normalize = normalize;
        let (mut tap, mut seen) = (OpenAiCompletions.tap(&reply(&json!({})), &quirks), Seen::default());
        let chunk = |text: &str, finish: &str| {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"text\":\"{text}\",\"index\":0,\"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n"
            )
        };
        assert_eq!(tap.event(chunk("a", "null").as_bytes(), &mut seen), Verdict::Pass);
        assert!(seen.content && tap.end(&mut seen).unwrap_err().code.as_deref() == Some("upstream_stream_truncated"));
        assert!(!matches!(tap.event(chunk("", "\"stop\"").as_bytes(), &mut seen), Verdict::Fail(_)));
        assert!(tap.end(&mut seen).unwrap().ends_with(b"data: [DONE]\n\n"));
    }
}
