//! A relayed stream keeps its bytes, and pieces cost nothing beyond their packets (R41). (R01 is in `tests/chaos`.)

use std::time::Duration;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

#[tokio::test]
async fn r01_a_relayed_stream_keeps_its_bytes() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let stream = chat::stream(&["naïve ", "漢字 😀"]);
    for size in [1, 7, 100, stream.len()] {
        upstream.script(Script::sse().chunks(stream.as_bytes().chunks(size)).end());
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.text(), stream, "in pieces of {size}");
    }
}

/// While there is other work, small writes are put off to the end of the event loop's turn, and large ones are not.
#[tokio::test]
async fn answers_of_any_size_keep_their_bytes_and_their_order_beside_other_requests() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.script(Script::sse().data(chat::role()).data(chat::text("hello")).never());
    let mut other = sidecar.connect().await;
    other.post("/v1/chat/completions", &chat::request(true)).await;
    other.head().await;
    let mut client = sidecar.connect().await;
    for length in [1, 1000, 5000, 50_000, 500_000, 10] {
        let text = "x".repeat(length);
        upstream.script(Script::json(200, &chat::completion(&text)));
        let mut request = chat::request(false);
        request["messages"][0]["content"] = text.as_str().into();
        client.post("/v1/chat/completions", &request).await;
        let answer = client.answer().await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], text, "{length}");
        assert_eq!(upstream.requests().last().unwrap().json()["messages"][0]["content"], text, "{length}");
        let stream = chat::stream(&["a", &text, "b"]);
        upstream.script(Script::sse().chunks(stream.as_bytes().chunks(4000)).end());
        client.post("/v1/chat/completions", &chat::request(true)).await;
        assert_eq!(client.answer().await.text(), stream, "{length}");
    }
}

#[tokio::test]
async fn r41_a_large_event_in_small_pieces_costs_in_proportion() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let mut client = sidecar.connect().await;
    let mut cost = async |length: usize| {
        let stream = chat::stream(&["x".repeat(length).as_str()]);
        upstream.script(Script::sse().chunks(stream.as_bytes().chunks(32)).end());
        let before = sidecar.processor_time();
        client.post("/v1/chat/completions", &chat::request(true)).await;
        let answer = client.answer().await;
        answer.assert_whole();
        assert_eq!(answer.body.len(), stream.len());
        sidecar.processor_time() - before
    };
    cost(64 << 10).await;
    let (small, large) = (cost(256 << 10).await, cost(1 << 20).await);
    // Four times the bytes: four times the cost, and room for a busy machine. Copying all that is held for each piece would
    // make it sixteen.
    assert!(large < small * 8 + Duration::from_millis(200), "{small:?} for 256 KiB, {large:?} for 1 MiB");
}
