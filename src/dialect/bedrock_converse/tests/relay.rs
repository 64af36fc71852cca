use bytes::{Bytes, BytesMut};
use serde_json::json;

use super::reply;
use super::stream::stream;
use crate::chat::ApiError;
use crate::codec::aws;
use crate::dialect::bedrock_converse::{BedrockConverse, frame};
use crate::dialect::{Dialect, Quirks, Seen, To, Verdict};

fn watch(stream: &[u8]) -> (Vec<Verdict>, Seen, Result<Vec<u8>, ApiError>) {
    let (mut tap, mut seen) = (BedrockConverse.tap(&reply(), &Quirks::default()), Seen::default());
    let (mut splitter, mut rest, mut verdicts) = (aws::Splitter::default(), stream, Vec::new());
    while let Some(end) = splitter.message_end(rest).filter(|_| !rest.is_empty()) {
        verdicts.push(tap.event(&rest[..end], &mut seen));
        rest = &rest[end..];
    }
    let end = tap.end(&mut seen);
    (verdicts, seen, end)
}

#[test]
fn a_whole_stream_passes_and_is_counted() {
    let events = [
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "a"}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "end_turn"})),
        ("metadata", json!({"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 9, "cacheReadInputTokens": 4}})),
    ];
    let (verdicts, seen, end) = watch(&stream(&events));
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Pass));
    assert!(seen.content && seen.done && end == Ok(Vec::new()));
    assert_eq!(seen.usage.map(|usage| (usage.prompt, usage.completion)), Some((7, 2)));
    assert!(!watch(&stream(&events[..1])).1.content, "the preamble is no content");
    let cut = watch(&stream(&events[..4])).2;
    assert_eq!(cut.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
}

#[test]
fn exceptions_and_damage_end_it() {
    let mut exception = BytesMut::new();
    frame::exception("throttlingException", &json!({"message": "slow"}), &mut exception);
    assert!(matches!(&watch(&exception).0[..], [Verdict::Fail(error)] if error.status == 429 && error.message == "slow"));
    let mut damaged = stream(&[("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"text": "a"}}))]);
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    assert!(matches!(&watch(&damaged).0[..], [Verdict::Fail(error)] if error.code.as_deref() == Some("upstream_invalid_event")));
}

#[test]
fn whole_answers_are_checked_and_counted() {
    let body = Bytes::from_static(
        br#"{"output":{"message":{"role":"assistant","content":[{"text":"x"}]}},"stopReason":"end_turn","usage":{"inputTokens":2,"outputTokens":1}}"#,
    );
    let edited = BedrockConverse.edit_response(body.clone(), &reply(), &Quirks::default()).unwrap();
    assert_eq!((edited.body.as_ptr(), edited.usage.map(|usage| usage.total())), (body.as_ptr(), Some(3)));
    let cut = BedrockConverse.edit_response(body.slice(..body.len() - 1), &reply(), &Quirks::default());
    assert_eq!(cut.unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
}

#[test]
fn a_request_keeps_its_bytes_but_for_the_reasoning_of_others() {
    let quirks: Quirks =
        serde_json::from_value(json!({"models": [{"names": ["*claude*"], "request": {"converse": {"reasoning": "signed"}}}]})).unwrap();
    let edited = |model: &str, body: &str| {
        let written = BedrockConverse.edit_request(body.as_bytes(), &To { model, quirks: &quirks, want_usage: true }).unwrap();
        String::from_utf8(written.body.to_vec()).unwrap()
    };
    let body = |blocks: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":[ {{"text": "é"}} ]}},{{"role":"assistant","content":[{blocks}]}}],"guardrailConfig":{{"a" : 1.0}}}}"#
        )
    };
    let reasoning = |signature: &str| format!(r#"{{"reasoningContent":{{"reasoningText":{{"text":"hm"{signature}}}}}}}"#);
    let own = reasoning(r#","signature":"EqQB""#);
    let marked = reasoning(r#","signature":"llm-sidecar.gemini.x""#);
    let text = r#"{"text" : "b"}"#;
    for untouched in [body(text), body(&format!("{own},{text}"))] {
        assert_eq!(edited("claude-x", &untouched), untouched);
    }
    let unsigned = body(&format!("{},{text}", reasoning("")));
    assert_eq!(edited("deepseek.r1", &unsigned), unsigned);
    assert_eq!(edited("claude-x", &body(&format!("{marked},{own},{},{text}", reasoning("")))), body(&format!("{own},{text}")));
    let gone = edited("claude-x", &body(&marked));
    assert_eq!(gone, r#"{"messages":[{"role":"user","content":[ {"text": "é"} ]}],"guardrailConfig":{"a" : 1.0}}"#);
}
