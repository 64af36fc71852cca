//! Heads and bodies of requests that HTTP itself forbids, or that this listener does not take (rows 1 to 29).

use std::time::Duration;

use crate::support::chat;
use crate::support::client::{Answer, End};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const LIMITS: &str = "server: {max_body: 64KiB, header_timeout: 300ms, body_timeout: 300ms, keep_alive: 5s}";

async fn start() -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let sidecar = Sidecar::before(&upstream, LIMITS).await;
    (upstream, sidecar)
}

/// Sends bytes and demands one answer after which the connection is closed.
async fn refused(sidecar: &Sidecar, bytes: impl AsRef<[u8]>) -> Answer {
    let mut client = sidecar.connect().await;
    client.send(bytes).await;
    let answer = client.answer().await;
    assert_eq!(client.until_closed().await, b"", "something follows the answer {}", answer.status());
    answer
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn rows_1_to_14_what_is_not_http_is_refused_and_closed() {
    let (upstream, sidecar) = start().await;
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(71 << 10));
    let path = "a".repeat(70_000);
    let rows = [
        (1, "GARBAGE\r\n\r\n".to_owned(), 400),
        (2, "GE T / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400),
        (3, "GET / HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(), 400),
        (4, "GET / HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), 400),
        (5, format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431),
        (6, format!("GET / HTTP/1.1\r\nhost: x\r\n{long}\r\n"), 431),
        (7, format!("GET /{path} HTTP/1.1\r\nhost: x\r\n\r\n"), 414),
        (8, post("content-length: -1\r\n", ""), 400),
        (9, post("content-length: abc\r\n", ""), 400),
        (10, post("content-length: 1.5\r\n", ""), 400),
        (11, post("content-length: 2\r\ncontent-length: 3\r\n", "{}"), 400),
        (12, post("transfer-encoding: gzip\r\n", ""), 400),
        (13, post("transfer-encoding: chunked, gzip\r\n", ""), 400),
        (14, "POST /v1/chat/completions HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
    ];
    for (row, request, status) in rows {
        let answer = refused(&sidecar, request).await;
        assert_eq!(answer.status(), status, "row {row}: {}", answer.text());
        assert_eq!(answer.body, b"", "row {row}");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_15_two_framings_are_read_as_chunked_and_answered_once() {
    let (upstream, sidecar) = start().await;
    let body = chat::request(false).to_string();
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n{smuggled}", body.len());
    let answer = refused(&sidecar, post("transfer-encoding: chunked\r\ncontent-length: 3\r\n", &chunked)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn rows_16_to_18_broken_chunks_are_a_malformed_body() {
    let (upstream, sidecar) = start().await;
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(17 << 10));
    for (row, body) in [(16, "zz\r\n{}\r\n0\r\n\r\n"), (17, &extension)] {
        let answer = refused(&sidecar, post("transfer-encoding: chunked\r\n", body)).await;
        assert_eq!(answer.status(), 400, "row {row}: {}", answer.text());
        answer.assert_error(400, "invalid_request_error", "malformed_body");
    }
    let mut client = sidecar.connect().await;
    client.send(post("transfer-encoding: chunked\r\n", "20\r\n{\"model\"")).await;
    client.half_close().await;
    // The client may be gone: where there is an answer, it is this one.
    if let Some(head) = client.try_head().await {
        assert_eq!(head.status, 400);
        client.rest().await;
    }
    assert_eq!(client.until_closed().await, b"");
    sidecar.wait_idle().await;
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_19_a_head_that_never_ends_is_closed_without_a_word() {
    let (_upstream, sidecar) = start().await;
    let mut client = sidecar.connect().await;
    client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    let started = tokio::time::Instant::now();
    assert_eq!(client.until_closed().await, b"");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    sidecar.wait_metric("llm_connections", 0.0).await;
}

#[tokio::test]
async fn row_20_a_body_that_stops_is_timed_out() {
    let (upstream, sidecar) = start().await;
    let answer = refused(&sidecar, post("content-length: 100\r\n", "{\"model\"")).await;
    answer.assert_error(408, "timeout_error", "client_body_timeout");
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_21_exactly_one_host_is_needed() {
    let (_upstream, sidecar) = start().await;
    for hosts in ["", "host: a\r\nhost: b\r\n"] {
        let answer = sidecar.raw(format!("GET /v1/models HTTP/1.1\r\n{hosts}\r\n")).await;
        answer.assert_error(400, "invalid_request_error", "bad_host");
    }
}

#[tokio::test]
async fn rows_22_and_23_no_tunnels_and_no_upgrades() {
    let (upstream, sidecar) = start().await;
    let answer = sidecar.raw("CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n").await;
    answer.assert_error(405, "invalid_request_error", "method_not_supported");
    for protocol in ["h2c", "websocket"] {
        let head = format!("GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n");
        sidecar.raw(head).await.assert_error(501, "invalid_request_error", "method_not_supported");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_24_no_body_is_asked_for_from_who_may_not_call() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "clients: [{name: a, key: client-key-1}]").await;
    let mut client = sidecar.connect().await;
    client.send(post("content-length: 100\r\nexpect: 100-continue\r\nconnection: close\r\n", "")).await;
    let all = String::from_utf8(client.until_closed().await).unwrap();
    assert!(all.starts_with("HTTP/1.1 401 "), "{all}");
}

#[tokio::test]
async fn rows_25_to_27_methods_and_paths() {
    let (upstream, sidecar) = start().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let answer = sidecar.raw(get("/v1/chat/completions")).await;
    answer.assert_error(405, "invalid_request_error", "method_not_allowed");
    assert_eq!(answer.head.header("allow"), Some("POST"));
    sidecar.raw(get("/v1/nope")).await.assert_error(404, "invalid_request_error", "unknown_url");
    for path in ["/v1/../admin", "/v1/%2e%2e/admin", "/v1/%252e%252e/admin", "/v1//files", "/v1/files%2f..%2fadmin"] {
        sidecar.raw(get(path)).await.assert_error(400, "invalid_request_error", "bad_path");
    }
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_28_a_declared_body_that_is_too_large_is_refused_before_it_is_read() {
    let (upstream, sidecar) = start().await;
    let answer = refused(&sidecar, post(&format!("content-length: {}\r\n", (64 << 10) + 1), "")).await;
    answer.assert_error(413, "invalid_request_error", "request_too_large");
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn row_29_a_chunked_body_is_refused_once_it_is_too_large() {
    let (upstream, sidecar) = start().await;
    let mut client = sidecar.connect().await;
    client.send(post("transfer-encoding: chunked\r\n", "")).await;
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..4 {
        client.send(&chunk).await;
    }
    client.send("1\r\n \r\n").await;
    let answer = client.answer().await;
    answer.assert_error(413, "invalid_request_error", "request_too_large");
    assert_eq!(answer.end, End::Clean);
    assert_eq!(upstream.requests().len(), 0);
}
