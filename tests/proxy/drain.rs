//! Stopping in good order: SIGTERM lets answers under way finish and says so to the others (row 104, R32).

use crate::support::chat;
use crate::support::client::{Client, End};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};

#[tokio::test]
async fn a_stream_under_way_finishes_after_sigterm() {
    let upstream = Upstream::start().await;
    let mut sidecar = Sidecar::before(&upstream, "server: {drain_delay: 100ms, drain_timeout: 10s}").await;
    let gate = Gate::default();
    upstream.script(
        Script::sse()
            .data(chat::role())
            .data(chat::text("first"))
            .gate(&gate)
            .data(chat::text(" last"))
            .data(chat::finish())
            .data("[DONE]")
            .end(),
    );
    let mut client = sidecar.connect().await;
    client.post("/v1/chat/completions", &chat::request(true)).await;
    assert_eq!(client.head().await.status, 200);
    client.piece().await.unwrap();
    let mut idle = sidecar.connect().await;
    assert_eq!(idle.get("/").await.status(), 200);
    sidecar.signal("TERM");
    // Not ready at once; the idle connection is closed once no more are taken.
    crate::support::within("the sidecar to be unready", async {
        while Client::connect(sidecar.admin).await.get("/readyz").await.status() != 503 {}
    })
    .await;
    assert_eq!(idle.until_closed().await, b"");
    gate.open();
    let (rest, end) = client.rest().await;
    assert_eq!(end, End::Clean);
    assert!(String::from_utf8(rest).unwrap().ends_with("data: [DONE]\n\n"));
    assert!(sidecar.exit().await.success());
}

#[tokio::test]
async fn row_104_a_stream_that_outlasts_the_drain_is_told_why_it_ends() {
    let upstream = Upstream::start().await;
    let mut sidecar = Sidecar::before(&upstream, "server: {drain_delay: 0s, drain_timeout: 200ms, heartbeat: 50ms}").await;
    upstream.script(Script::sse().data(chat::role()).data(chat::text("first")).never());
    let mut client = sidecar.connect().await;
    client.post("/v1/chat/completions", &chat::request(true)).await;
    let head = client.head().await;
    sidecar.signal("TERM");
    let (body, end) = client.rest().await;
    let answer = crate::support::client::Answer { head, body, end };
    answer.assert_broken("server_shutting_down");
    assert!(sidecar.exit().await.success());
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let upstream = Upstream::start().await;
    let mut sidecar = Sidecar::before(&upstream, "server: {drain_delay: 60s, drain_timeout: 60s}").await;
    sidecar.signal("TERM");
    sidecar.wait_log("the log to say so", |line| line["message"] == "stopping").await;
    sidecar.signal("TERM");
    assert!(!sidecar.exit().await.success());
}
