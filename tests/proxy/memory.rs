//! What one stream may hold (R06, row 86), and what happens when a client does not read (R07).

use std::time::Duration;

use crate::support::chat;
use crate::support::client::Client;
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

#[tokio::test]
async fn r07_clients_that_do_not_read_hold_the_vendor_back() {
    const READERS: usize = 20;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {write_timeout: 2s}").await;
    // Code that runs for the first time takes memory once, too.
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    sidecar.chat(&chat::request(true)).await.assert_whole();
    upstream.always(Script::sse().data(chat::role()).endless(format!("data: {}\n\n", chat::text(&"x".repeat(4 << 10)))));
    sidecar.warm_up(&upstream).await;
    let before = sidecar.memory();
    let mut clients = Vec::new();
    for _ in 0..READERS {
        let mut client = Client::connect(sidecar.data).await;
        client.take_little();
        client.post("/v1/chat/completions", &chat::request(true)).await;
        assert_eq!(client.head().await.status, 200);
        clients.push(client);
    }
    // The vendors can write until every buffer on the way is full, and then no more.
    let mut written = upstream.record().written;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = upstream.record().written;
        if now == written {
            break;
        }
        written = now;
    }
    let grown = sidecar.memory().saturating_sub(before);
    assert!(grown < READERS * 256, "{grown} KiB for {READERS} streams");
    // Others are served meanwhile.
    upstream.script(Script::sse().chunk(chat::stream(&["hello"])).end());
    sidecar.chat(&chat::request(true)).await.assert_whole();
    // In the end the readers are given up, and their vendors with them.
    upstream.wait_closed(READERS).await;
    sidecar.wait_idle().await;
    drop(clients);
}
