//! A cut answer is never taken for a whole one (rows 81 and 82). (R02 and R03 are in `tests/chaos`.)

use serde_json::Value;

use crate::support::chat;
use crate::support::client::{Answer, End};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

fn assert_not_whole(answer: &Answer, what: &str) {
    assert_eq!(answer.status(), 200, "{what}: {}", answer.text());
    assert_ne!(answer.end, End::Clean, "{what}: {}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{what}: {}", answer.text());
    let last: Value = answer.events().last().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
    assert!(last["error"]["code"].as_str().is_some_and(|code| code.starts_with("upstream_")), "{what}: {}", answer.text());
}

#[tokio::test]
async fn rows_81_and_82_the_cut_has_its_name() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let begun = || Script::sse().data(chat::role()).data(chat::text("hello"));
    for (script, code) in [(begun().rst(), "upstream_reset"), (begun().end(), "upstream_stream_truncated")] {
        upstream.script(script);
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.streamed_text(), "hello");
        answer.assert_broken(code);
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        assert_eq!((&line["outcome"], &line["error"]), (&Value::from("truncated"), &Value::from(code)), "{line}");
    }
}

#[tokio::test]
async fn a_finished_answer_may_lack_its_marker_only_at_a_clean_end() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let finished = || Script::sse().data(chat::role()).data(chat::text("hello")).data(chat::finish());
    // Some vendors end without `[DONE]`; the client gets one.
    upstream.script(finished().end());
    sidecar.chat(&chat::request(true)).await.assert_whole();
    for script in [finished().rst(), finished().fin()] {
        upstream.script(script);
        assert_not_whole(&sidecar.chat(&chat::request(true)).await, "cut after the finish reason");
    }
}
