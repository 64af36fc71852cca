//! Answers with a success status that are none, or of another form than asked for (rows 72 to 74, 87 and 88).

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

#[tokio::test]
async fn rows_72_to_74_what_is_no_answer_is_not_forwarded() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
        let good = chat::completion("hello").to_string();
        for (what, content_type, body) in [
            ("an HTML page", "text/html", "<html>secret-word</html>"),
            ("half a document", "application/json", &good[..good.len() / 2]),
            ("an array", "application/json", "[\"secret-word\"]"),
            ("another object", "application/json", "{\"hello\":\"secret-word\"}"),
            ("nothing", "application/json", ""),
        ] {
            for stream in [false, true] {
                upstream.script(Script::answer(200, content_type, body));
                let answer = sidecar.chat(&chat::request(stream)).await;
                assert_eq!(answer.status(), 502, "{kind}, {what}, stream={stream}: {}", answer.text());
                answer.assert_error(502, "upstream_error", "upstream_invalid_response");
                assert!(!answer.text().contains("secret-word"), "{}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn an_error_inside_a_200_is_an_error() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.script(Script::json(200, &json!({"error": {"message": "no more capacity", "code": 503}})));
    let answer = sidecar.chat(&chat::request(false)).await;
    assert!(answer.status() >= 400, "{}", answer.text());
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("no more capacity"), "{}", answer.text());
}

#[tokio::test]
async fn row_87_a_whole_answer_is_told_as_the_stream_that_was_asked_for() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.always(Script::json(200, &chat::completion("hello there")));
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    assert_eq!(answer.head.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.streamed_text(), "hello there");
    assert!(answer.text().contains(r#""finish_reason":"stop""#), "{}", answer.text());
}

#[tokio::test]
async fn row_88_a_stream_nobody_asked_for_becomes_one_answer() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.always(Script::sse().chunk(chat::stream(&["hello ", "there"])).end());
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "hello there");
    assert_eq!(answer.json()["object"], "chat.completion");
    // One that is cut is not completed.
    upstream.always(Script::sse().data(chat::role()).data(chat::text("half")).end());
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
}
