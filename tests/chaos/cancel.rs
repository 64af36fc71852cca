//! R08: a client that goes away takes the vendor's work along, at once.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::Instant;

use crate::ask::Ask;
use crate::figures::{percentile, tell};
use crate::support::chat;
use crate::support::invariants;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{How, Script, Upstream};
use crate::support::within;
use crate::turn;
use crate::volume::volume;

/// Of each dialect, stage and way of leaving, twelve in all.
const EACH: usize = 70;
const HTTP2: usize = 150;
const STRAY: usize = 40;
/// From a client's leaving to its vendor's seeing it, for ninety-nine of a hundred: the catalogue's 100 ms, and as much again
/// for a busy machine.
const SOON: Duration = Duration::from_millis(200);

/// How far the request has come when the client leaves.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The vendor has not answered.
    BeforeHead,
    /// The vendor has answered, but said nothing.
    BeforeContent,
    /// The client has read something.
    Within,
}

#[derive(Clone, Copy, Debug)]
enum Leave {
    Fin,
    Rst,
}

fn script(kind: &str, stage: Stage) -> Script {
    let (preamble, content) = match kind {
        "anthropic" => {
            (chat::message_start(), chat::messages_stream(&["hello"]).split("event: content_block_stop").next().unwrap().to_owned())
        }
        _ => (format!("data: {}\n\n", chat::role()), format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello"))),
    };
    match stage {
        Stage::BeforeHead => Script::silent(),
        Stage::BeforeContent => Script::sse().chunk(preamble).never(),
        Stage::Within => Script::sse().chunk(content).never(),
    }
}

/// Tells how long it took until the vendor saw each client's leaving.
async fn cancelled(kind: &str, stage: Stage, leave: Leave) -> Vec<Duration> {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
    upstream.always(script(kind, stage));
    let rounds = volume(EACH);
    let (mut times, mut told) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let ask = Ask::new(format!("{round}"), true);
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        upstream.wait_requests(round).await;
        if matches!(stage, Stage::Within) {
            assert_eq!(client.head().await.status, 200);
            client.piece().await.unwrap();
        }
        let left = Instant::now();
        match leave {
            Leave::Fin => drop(client),
            Leave::Rst => client.reset(),
        }
        times.push(upstream.wait_closed(round).await.at - left);
        told.push(ask.left());
    }
    sidecar.wait_idle().await;
    sidecar.wait_metric("llm_upstream_attempts_total{class=\"client_cancel\"}", rounds as f64).await;
    sidecar.wait_log("a cancelled request's line", |line| line["message"] == "request" && line["outcome"] == "cancelled").await;
    invariants::check(&sidecar, &[&upstream], &told).await;
    times
}

fn soon(what: &str, times: &[Duration]) {
    let (median, p99) = (percentile(times, 50), percentile(times, 99));
    tell("R08", format_args!("{} clients left {what}; their vendors saw it after {median:?}, p99 {p99:?}", times.len()));
    assert!(p99 < SOON, "{what}: {p99:?}");
}

#[tokio::test]
async fn r08_clients_leave_at_any_stage() {
    let _turn = turn::alone().await;
    for stage in [Stage::BeforeHead, Stage::BeforeContent, Stage::Within] {
        let mut times = Vec::new();
        for leave in [Leave::Fin, Leave::Rst] {
            for kind in ["openai_compatible", "anthropic"] {
                times.extend(cancelled(kind, stage, leave).await);
            }
        }
        soon(&format!("{stage:?}"), &times);
    }
}

#[tokio::test]
async fn r08_stray_bytes_hide_a_leaving_no_longer_than_a_heartbeat() {
    const HEARTBEAT: Duration = Duration::from_millis(100);
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {heartbeat: 100ms}").await;
    upstream.always(script("openai_compatible", Stage::Within));
    let (mut times, mut told) = (Vec::new(), Vec::new());
    for round in 1..=volume(STRAY) {
        let ask = Ask::new(format!("{round}"), true);
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        client.send("\r\n").await;
        assert_eq!(client.head().await.status, 200);
        client.piece().await.unwrap();
        let left = Instant::now();
        client.reset();
        // One heartbeat may still find the socket as it was, the next does not.
        times.push((upstream.wait_closed(round).await.at - left).saturating_sub(2 * HEARTBEAT));
        told.push(ask.left());
    }
    soon("behind stray bytes, not counting two heartbeats", &times);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r08_a_whole_answer_is_cancelled_too() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let half = Script::answer_of(200, "application/json", 100, "{\"id\":").never();
    let (mut times, mut told) = (Vec::new(), Vec::new());
    for round in 1..=volume(EACH) {
        upstream.script(if round % 2 == 0 { Script::silent() } else { half.clone() });
        let ask = Ask::new(format!("{round}"), false);
        let mut client = sidecar.connect().await;
        ask.send(&mut client).await;
        upstream.wait_requests(round).await;
        let left = Instant::now();
        drop(client);
        times.push(upstream.wait_closed(round).await.at - left);
        told.push(ask.left());
    }
    soon("without a stream", &times);
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r08_an_http2_stream_that_is_reset_is_cancelled_alone() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let stream = within("a connection", tokio::net::TcpStream::connect(sidecar.data)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = |ask: &Ask| {
        hyper::Request::post("http://sidecar/v1/chat/completions")
            .header("content-type", "application/json")
            .body(Full::new(bytes::Bytes::from(ask.body.to_string())))
            .unwrap()
    };
    upstream.always(script("openai_compatible", Stage::Within));
    let rounds = volume(HTTP2);
    let (mut times, mut told) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let ask = Ask::new(format!("{round}"), true);
        let mut response = within("an answer", sender.send_request(request(&ask))).await.unwrap();
        assert_eq!(response.status(), 200);
        within("a piece", response.body_mut().frame()).await.unwrap().unwrap();
        let left = Instant::now();
        drop(response);
        let closed = upstream.wait_closed(round).await;
        assert_eq!(closed.how, How::Fin);
        times.push(closed.at - left);
        told.push(ask.left());
    }
    soon("by RST_STREAM", &times);
    // Before the head, too.
    upstream.script(Script::silent());
    let ask = Ask::new("silent", true);
    let waiting = sender.send_request(request(&ask));
    assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
    upstream.wait_closed(rounds + 1).await;
    told.push(ask.left());
    // The connection goes on.
    upstream.script(Script::json(200, &chat::completion("still here")));
    let ask = Ask::new("last", false);
    let response = within("an answer", sender.send_request(request(&ask))).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["choices"][0]["message"]["content"], "still here");
    told.push(ask.left());
    driver.abort();
    let _ = driver.await;
    drop(sender);
    invariants::check(&sidecar, &[&upstream], &told).await;
}
