//! Waiting for room instead of being refused.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};
use crate::{provider, request, stream};

async fn one_at_a_time(queue: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let limit = format!(", limit: {{concurrency: {{max: 1}}, queue: {{{queue}}}}}");
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, &limit))).await;
    (upstream, sidecar)
}

#[tokio::test]
async fn requests_wait_for_their_turn() {
    let (upstream, sidecar) = one_at_a_time("size: 20, max_wait: 10s").await;
    upstream.always(Script::default().pause(Duration::from_millis(10)).followed_by(&stream("hello")));
    // Without client keys all are one client, which may hold half of the places.
    let answers = join_all((0..11).map(|_| async { sidecar.chat(&chat::request(true)).await })).await;
    for answer in &answers {
        answer.assert_whole();
    }
    assert_eq!(upstream.requests().len(), 11);
    sidecar.wait_metric("llm_queue_depth", 0.0).await;
}

#[tokio::test]
async fn the_queue_has_an_end_and_so_has_the_wait() {
    let (upstream, sidecar) = one_at_a_time("size: 2, max_wait: 300ms").await;
    let gate = Gate::default();
    upstream.always(Script::default().gate(&gate).followed_by(&stream("hello")));
    let mut first = sidecar.connect().await;
    first.post("/v1/chat/completions", &chat::request(true)).await;
    upstream.wait_requests(1).await;
    let started = Instant::now();
    let answers = join_all((0..3).map(|_| async { sidecar.chat(&chat::request(true)).await })).await;
    for answer in &answers {
        answer.assert_error(503, "overloaded_error", "overloaded");
        assert!(answer.head.header("retry-after").is_some());
    }
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    gate.open();
    assert_eq!(first.answer().await.streamed_text(), "hello");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_up() {
    let (upstream, sidecar) = one_at_a_time("size: 4, max_wait: 10s").await;
    let gate = Gate::default();
    upstream.always(Script::default().gate(&gate).followed_by(&stream("hello")));
    let mut first = sidecar.connect().await;
    first.post("/v1/chat/completions", &chat::request(true)).await;
    upstream.wait_requests(1).await;
    for _ in 0..10 {
        let mut waiting = sidecar.connect().await;
        waiting.post("/v1/chat/completions", &request("vendor/m", true)).await;
        sidecar.wait_metric("llm_queue_depth", 1.0).await;
        drop(waiting);
        sidecar.wait_metric("llm_queue_depth", 0.0).await;
    }
    gate.open();
    first.answer().await.assert_whole();
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(sidecar.metric("llm_concurrency_in_flight").await, 0.0);
}
