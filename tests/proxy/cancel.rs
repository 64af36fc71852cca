//! Breaking off over HTTP/2, within an upload, and before anything is done. (R08 is in `tests/chaos`.)

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::support::chat;
use crate::support::client::Client;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::support::within;

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

#[tokio::test]
async fn clients_that_left_before_their_requests_were_looked_at_are_told_of() {
    const CLIENTS: usize = 64;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(sidecar.data).await);
    }
    sidecar.wait_metric("llm_connections", CLIENTS as f64).await;
    // Its process stands still while whole requests and their clients' leaving come to wait in the sockets.
    sidecar.signal("STOP");
    for mut client in clients {
        client.post("/v1/chat/completions", &chat::request(false)).await;
    }
    sidecar.signal("CONT");
    let lines = within("a line of the access log for each request", async {
        loop {
            let lines: Vec<_> = sidecar.log().into_iter().filter(|line| line.contains(r#""message":"request""#)).collect();
            if lines.len() == CLIENTS {
                return lines;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(lines.iter().all(|line| line.contains(r#""outcome":"cancelled""#)), "{lines:?}");
    sidecar.wait_idle().await;
}
