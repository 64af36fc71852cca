//! A client that goes away takes the vendor's work along, at once (R08, R15, row 92).

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::Instant;

use crate::support::chat;
use crate::support::client::Client;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::support::within;

const ROUNDS: usize = 15;
/// From the client's leaving to the vendor's seeing it. The catalogue says 100 ms; the rest is for a busy machine.
const SOON: Duration = Duration::from_millis(500);

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

async fn cancelled(kind: &str, stage: Stage, leave: Leave) {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider(kind, &upstream, "")).await;
    let (preamble, content) = match kind {
        "anthropic" => {
            (chat::message_start(), chat::messages_stream(&["hello"]).split("event: content_block_stop").next().unwrap().to_owned())
        }
        _ => (format!("data: {}\n\n", chat::role()), format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello"))),
    };
    upstream.always(match stage {
        Stage::BeforeHead => Script::silent(),
        Stage::BeforeContent => Script::sse().chunk(preamble).never(),
        Stage::Within => Script::sse().chunk(content).never(),
    });
    for round in 1..=ROUNDS {
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
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
        let closed = upstream.wait_closed(round).await;
        assert!(closed.at - left < SOON, "{kind}, {stage:?}, {leave:?}: {:?}", closed.at - left);
    }
    sidecar.wait_idle().await;
    sidecar.wait_metric("llm_upstream_attempts_total{class=\"client_cancel\"}", ROUNDS as f64).await;
    sidecar.wait_log("a cancelled request's line", |line| line["message"] == "request" && line["outcome"] == "cancelled").await;
}

#[tokio::test]
async fn r08_clients_leave_before_the_vendor_has_answered() {
    cancelled("openai_compatible", Stage::BeforeHead, Leave::Fin).await;
    cancelled("anthropic", Stage::BeforeHead, Leave::Rst).await;
}

#[tokio::test]
async fn r08_clients_leave_before_any_content() {
    cancelled("openai_compatible", Stage::BeforeContent, Leave::Rst).await;
    cancelled("anthropic", Stage::BeforeContent, Leave::Fin).await;
}

#[tokio::test]
async fn r08_clients_leave_within_the_answer() {
    for leave in [Leave::Fin, Leave::Rst] {
        cancelled("openai_compatible", Stage::Within, leave).await;
        cancelled("anthropic", Stage::Within, leave).await;
    }
}

#[tokio::test]
async fn r08_stray_bytes_hide_a_leaving_no_longer_than_a_heartbeat() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "server: {heartbeat: 100ms}").await;
    upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).never());
    for round in 1..=5 {
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        client.send("\r\n").await;
        assert_eq!(client.head().await.status, 200);
        client.piece().await.unwrap();
        let left = Instant::now();
        client.reset();
        let closed = upstream.wait_closed(round).await;
        assert!(closed.at - left < SOON + Duration::from_millis(300), "{:?}", closed.at - left);
    }
    sidecar.wait_idle().await;
}

#[tokio::test]
async fn r08_a_whole_answer_is_cancelled_too() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let half = Script::head(200, &[("content-type", "application/json"), ("content-length", "100")]).raw("{\"id\":");
    for (round, script) in [(1, Script::silent()), (2, half.never())] {
        upstream.script(script);
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(false)).await;
        upstream.wait_requests(round).await;
        let left = Instant::now();
        drop(client);
        let closed = upstream.wait_closed(round).await;
        assert!(closed.at - left < SOON, "{:?}", closed.at - left);
    }
    sidecar.wait_idle().await;
}

#[tokio::test]
async fn r08_an_http2_stream_that_is_reset_is_cancelled_alone() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let stream = within("a connection", tokio::net::TcpStream::connect(sidecar.data)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = |stream: bool| {
        hyper::Request::post("http://sidecar/v1/chat/completions")
            .header("content-type", "application/json")
            .body(Full::new(bytes::Bytes::from(chat::request(stream).to_string())))
            .unwrap()
    };
    upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).never());
    for round in 1..=ROUNDS {
        let mut response = within("an answer", sender.send_request(request(true))).await.unwrap();
        assert_eq!(response.status(), 200);
        within("a piece", response.body_mut().frame()).await.unwrap().unwrap();
        let left = Instant::now();
        drop(response);
        let closed = upstream.wait_closed(round).await;
        assert!(closed.at - left < SOON, "{:?}", closed.at - left);
    }
    // Before the head, too.
    upstream.script(Script::silent());
    let waiting = sender.send_request(request(true));
    assert!(tokio::time::timeout(Duration::from_millis(100), waiting).await.is_err());
    upstream.wait_closed(ROUNDS + 1).await;
    // The connection goes on.
    upstream.script(Script::json(200, &chat::completion("still here")));
    let response = within("an answer", sender.send_request(request(false))).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["choices"][0]["message"]["content"], "still here");
    sidecar.wait_idle().await;
    driver.abort();
}

#[tokio::test]
async fn an_http2_stream_that_breaks_is_reset_and_says_why() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).rst());
    let stream = within("a connection", tokio::net::TcpStream::connect(sidecar.data)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = hyper::Request::post("http://sidecar/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::new(bytes::Bytes::from(chat::request(true).to_string())))
        .unwrap();
    let mut response = within("an answer", sender.send_request(request)).await.unwrap();
    let mut text = String::new();
    let error = loop {
        match within("a frame", response.body_mut().frame()).await {
            Some(Ok(frame)) => text += &String::from_utf8_lossy(frame.data_ref().unwrap()),
            Some(Err(error)) => break error,
            None => panic!("the stream ended cleanly: {text}"),
        }
    };
    assert!(text.contains("upstream_reset") && !text.contains("[DONE]"), "{text}");
    assert!(format!("{error:?}").contains("Reset"), "{error:?}");
    driver.abort();
}

#[tokio::test]
async fn an_upload_that_is_abandoned_is_abandoned_at_the_vendor() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let mut client = Client::connect(sidecar.data).await;
    client.send("POST /v1/files HTTP/1.1\r\nhost: x\r\nx-llm-provider: vendor\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n--b\r\n").await;
    // The head and the begun body travel on before the rest has come.
    upstream.wait("the upload to begin", |record| (record.connections == 1).then_some(())).await;
    drop(client);
    upstream.wait_closed(1).await;
    assert_eq!(upstream.requests().len(), 0);
    sidecar.wait_idle().await;
}
