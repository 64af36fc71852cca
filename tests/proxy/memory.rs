//! What one stream may hold (R06, row 86). (R07 is in `tests/chaos`.)

use crate::support::chat;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

#[tokio::test]
async fn r06_an_event_without_end_is_cut_off() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::start(&provider(kind, &upstream, "server: {max_event: 256KiB}")).await;
        let begun = match kind {
            "anthropic" => Script::sse().chunk(chat::messages_stream(&["hello"]).split("event: content_block_stop").next().unwrap()),
            _ => Script::sse().data(chat::role()).data(chat::text("hello")),
        };
        let fillers = ["x".repeat(16 << 10), "data:\n".repeat(2 << 10), "data: x\n".repeat(2 << 10)];
        let mut before = None;
        // What the first rounds take is the sidecar's to keep; after that nothing is added.
        for round in 0..4 {
            for filler in &fillers {
                upstream.script(begun.clone().raw("5\r\ndata:\r\n").endless(filler));
                let answer = sidecar.chat(&chat::request(true)).await;
                assert_eq!(answer.streamed_text(), "hello", "{kind}");
                answer.assert_broken("upstream_event_too_large");
                // Before any content it is an error with a status.
                upstream.script(Script::sse().endless(filler));
                let answer = sidecar.chat(&chat::request(true)).await;
                assert_eq!(answer.status(), 502, "{kind}: {}", answer.text());
            }
            if round == 1 {
                before = Some(sidecar.memory());
            }
        }
        let before = before.unwrap_or_default();
        upstream.wait_closed(24).await;
        assert!(sidecar.memory() < before + (8 << 10), "{kind}: {} KiB, was {before} KiB", sidecar.memory());
    }
}

#[tokio::test]
async fn r06_a_large_event_within_the_limit_passes() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let text = "x".repeat(2 << 20);
    upstream.script(Script::sse().chunk(chat::stream(&[&text])).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    assert_eq!(answer.streamed_text().len(), text.len());
}

#[tokio::test]
async fn r06_a_whole_answer_without_end_is_cut_off() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {max_response: 256KiB}").await;
    let head = [("content-type", "application/json"), ("transfer-encoding", "chunked")];
    upstream.script(Script::head(200, &head).endless(" ".repeat(16 << 10)));
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(502, "upstream_error", "upstream_invalid_response");
    upstream.wait_closed(1).await;
}
