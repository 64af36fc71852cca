//! The rest of a stream is written without hyper once it has to be waited for: what comes before and behind it on the connection.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::chat;
use crate::support::client::{Client, End};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Identity, Script, Upstream};
use crate::support::within;

const TEXTS: [&str; 3] = ["first", " second", " third"];

/// A stream with a stop behind its first content.
fn stopping(gate: &Gate) -> (String, Script) {
    let stream = chat::stream(&TEXTS);
    let at = stream.find("first").and_then(|at| stream[at..].find("\n\n").map(|end| at + end + 2)).unwrap();
    let script = Script::sse().chunk(&stream[..at]).gate(gate).chunk(&stream[at..]).end();
    (stream, script)
}

/// Takes the answer's head and its first piece, lets the rest come, and demands all of it.
async fn take(client: &mut Client, gate: &Gate, stream: &str) {
    assert_eq!(client.head().await.status, 200);
    let mut body = client.piece().await.unwrap();
    gate.open();
    let (rest, end) = client.rest().await;
    body.extend(rest);
    assert_eq!((String::from_utf8(body).unwrap().as_str(), end), (stream, End::Clean));
}

fn long_request() -> Value {
    let mut request = chat::request(false);
    request["messages"][0]["content"] = "x".repeat(20_000).into();
    request
}

#[tokio::test]
async fn requests_follow_a_stream_on_its_connection() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let gate = Gate::default();
    let mut client = sidecar.connect().await;
    for headers in [&[][..], &[("connection", "keep-alive")], &[]] {
        let (stream, script) = stopping(&gate);
        upstream.script(script);
        client.post_with("/v1/chat/completions", headers, &chat::request(true)).await;
        take(&mut client, &gate, &stream).await;
        upstream.script(Script::json(200, &chat::completion("hello")));
        client.post("/v1/chat/completions", &long_request()).await;
        assert_eq!(client.answer().await.json()["choices"][0]["message"]["content"], "hello");
    }
}

#[tokio::test]
async fn requests_sent_ahead_of_a_streams_end_are_answered_behind_it() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for request in [chat::request(false), long_request()] {
        let gate = Gate::default();
        let (stream, script) = stopping(&gate);
        upstream.script(script);
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        assert_eq!(client.head().await.status, 200);
        let mut body = client.piece().await.unwrap();
        for _ in 0..2 {
            upstream.script(Script::json(200, &chat::completion("hello")));
            client.post("/v1/chat/completions", &request).await;
        }
        gate.open();
        let (rest, end) = client.rest().await;
        body.extend(rest);
        assert_eq!((String::from_utf8(body).unwrap(), end), (stream, End::Clean));
        for _ in 0..2 {
            assert_eq!(client.answer().await.json()["choices"][0]["message"]["content"], "hello");
        }
        let sent = upstream.requests();
        assert_eq!(sent.last().unwrap().json()["messages"], request["messages"]);
    }
}

/// Where HTTP/1's chunks or an open connection are not what the client is to get, and where its request's end is not told by a length.
#[tokio::test]
async fn other_framings_are_hypers_to_the_end() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let body = chat::request(true).to_string();
    let length = body.len();
    let head = |version, headers: String| {
        format!("POST /v1/chat/completions HTTP/{version}\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n")
    };
    let with_length = format!("content-length: {length}\r\n");
    for (request, closes) in [
        (head("1.0", with_length.clone()) + &body, true),
        (head("1.1", format!("{with_length}connection: close\r\n")) + &body, true),
        (head("1.1", "transfer-encoding: chunked\r\n".to_owned()) + &format!("{length:x}\r\n{body}\r\n0\r\n\r\n"), false),
    ] {
        let gate = Gate::default();
        let (stream, script) = stopping(&gate);
        upstream.script(script);
        let mut client = sidecar.connect().await;
        client.send(&request).await;
        take(&mut client, &gate, &stream).await;
        if closes {
            assert_eq!(client.until_closed().await, b"", "{request}");
        } else {
            upstream.script(Script::json(200, &chat::completion("hello")));
            client.post("/v1/chat/completions", &chat::request(false)).await;
            assert_eq!(client.answer().await.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_closes_its_upstream() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    for reset in [false, true] {
        upstream.script(Script::sse().data(chat::role()).data(chat::text("first")).never());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        assert_eq!(client.head().await.status, 200);
        client.piece().await.unwrap();
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        sidecar.wait_idle().await;
    }
    upstream.wait_closed(2).await;
}

#[tokio::test]
async fn a_stream_under_tls_is_written_in_the_same_way() {
    let upstream = Upstream::start().await;
    let identity = Identity::new(&[]);
    let (cert, key) = identity.files();
    let sidecar = Sidecar::before(&upstream, &format!("tls: {{cert: {}, key: {}}}", cert.display(), key.display())).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(cert).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = tokio::net::TcpStream::connect(sidecar.data).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let body = chat::request(true).to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    for _ in 0..2 {
        let gate = Gate::default();
        let (stream, script) = stopping(&gate);
        upstream.script(script);
        client.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
        let mut got = String::new();
        while !got.ends_with("\r\n0\r\n\r\n") {
            let mut piece = vec![0; 4096];
            let count = within("a piece", client.read(&mut piece)).await.unwrap();
            assert_ne!(count, 0, "{got}");
            got += std::str::from_utf8(&piece[..count]).unwrap();
            if got.contains("first") {
                gate.open();
            }
        }
        let chunks: String = got.split_once("\r\n\r\n").unwrap().1.split("\r\n").skip(1).step_by(2).collect();
        assert_eq!(chunks, stream);
    }
}
