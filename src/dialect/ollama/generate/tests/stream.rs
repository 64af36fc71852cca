use serde_json::{Value, json};

use super::reply;
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::dialect::ollama::OllamaGenerate;
use crate::dialect::{Dialect, Quirks, Seen, Verdict, testing};

pub(super) fn decode(pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    testing::decode(&OllamaGenerate, pieces)
}

pub(super) fn encode(events: Vec<Event>) -> Vec<u8> {
    testing::encode(&OllamaGenerate, &reply(), events)
}

const STREAM: &str = "{\"model\":\"qwen3\",\"created_at\":\"2024-05-24T20:26:46.294874Z\",\"response\":\"\",\"thinking\":\"hm\",\"done\":false}\n\
{\"model\":\"qwen3\",\"created_at\":\"2024-05-24T20:26:47Z\",\"response\":\"Grüße 😀\",\"done\":false}\r\n\n\
{\"model\":\"qwen3\",\"response\":\"\",\"done_reason\":\"length\",\"done\":true,\"context\":[1,2],\"total_duration\":5,\"prompt_eval_count\":11,\"eval_count\":7}\n";

#[test]
fn a_stream_decodes_to_its_events() {
    let (events, end) = decode(&[STREAM.as_bytes()]);
    assert_eq!(end, Ok(()));
    let expected = [
        Event::Start { id: None, model: Some("qwen3".into()), created: Some(1_716_582_406), usage: None },
        Event::Thinking { choice: 0, text: "hm".into() },
        Event::Text { choice: 0, text: "Grüße 😀".into() },
        Event::Finish { choice: 0, reason: FinishReason::Length, stop_sequence: None },
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
    for at in 0..stream.len() {
        assert_eq!(decode(&[&stream[..at]]).1.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"), "cut at {at}");
    }
}

#[test]
fn lines_tell_the_answer_and_the_last_one_how_it_ended() {
    let stream = encode(vec![
        Event::Thinking { choice: 0, text: "hm".into() },
        Event::Text { choice: 0, text: "hi".into() },
        Event::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None },
        Event::Usage(Usage { prompt: 4, completion: 2, ..Usage::default() }),
        Event::Done,
    ]);
    let lines: Vec<Value> = std::str::from_utf8(&stream).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let head = |rest: Value| {
        let mut line = json!({"model": "qwen3", "created_at": "1970-01-01T00:00:01Z", "response": "", "done": false});
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        line
    };
    let last = json!({"done": true, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 2});
    assert_eq!(lines, [head(json!({"thinking": "hm"})), head(json!({"response": "hi"})), head(last)]);
}

#[test]
fn a_relayed_stream_is_whole_with_its_last_line_only() {
    let (mut tap, mut seen) = (OllamaGenerate.tap(&reply(), &Quirks::default()), Seen::default());
    let mut lines = STREAM.lines();
    assert_eq!(tap.event(lines.next().unwrap().as_bytes(), &mut seen), Verdict::Pass);
    assert_eq!(tap.end(&mut seen).unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
    assert_eq!(tap.event(lines.next_back().unwrap().as_bytes(), &mut seen), Verdict::Pass);
    assert_eq!((tap.end(&mut seen), seen.usage.map(|usage| usage.total())), (Ok(Vec::new()), Some(18)));
    let half = OllamaGenerate.read_response(br#"{"response":"half","done":false}"#).unwrap_err();
    assert_eq!(half.code.as_deref(), Some("upstream_invalid_response"));
}
