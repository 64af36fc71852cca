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
