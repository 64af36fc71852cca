//! Upstreams that lie about where their answers end (R23, rows 89 and 90). A connection that was lied on is not used again.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::chat;
use crate::support::client::End;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Identity, Script, Upstream};

fn whole() -> String {
    chat::completion("hello").to_string()
}

async fn start() -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, "").await;
    (upstream, sidecar)
}

fn json(length: usize) -> Script {
    Script::head(200, &[("content-type", "application/json"), ("content-length", &length.to_string())])
}

#[tokio::test]
async fn good_answers_share_a_connection() {
    let (upstream, sidecar) = start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let mut client = sidecar.connect().await;
    for _ in 0..5 {
        client.post("/v1/chat/completions", &chat::request(false)).await;
        assert_eq!(client.answer().await.status(), 200);
    }
    upstream.always(Script::sse().chunk(chat::stream(&["hello"])).end());
    for _ in 0..5 {
        client.post("/v1/chat/completions", &chat::request(true)).await;
        client.answer().await.assert_whole();
    }
    assert_eq!(upstream.record().connections, 1);
}

#[tokio::test]
async fn row_89_a_length_that_is_not_reached_is_a_cut() {
    let (upstream, sidecar) = start().await;
    upstream.script(json(whole().len() + 10).raw(whole()).fin());
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "upstream_error");
    // The same for a stream: the events are whole, but the body is not. What ends with its marker is.
    let length = (chat::stream(&["hello"]).len() + 10).to_string();
    let head = [("content-type", "text/event-stream"), ("content-length", length.as_str())];
    upstream.script(Script::head(200, &head).raw(chat::stream(&["hello"]).replace("data: [DONE]\n\n", "")).fin());
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_ne!(answer.end, End::Clean, "{}", answer.text());
    assert!(!answer.text().contains("[DONE]"), "{}", answer.text());
}

#[tokio::test]
async fn row_90_bytes_beyond_the_length_are_no_part_of_anything() {
    let (upstream, sidecar) = start().await;
    upstream.script(json(whole().len()).raw(format!("{}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong", whole())));
    upstream.script(Script::json(200, &chat::completion("second")));
    let mut client = sidecar.connect().await;
    for text in ["hello", "second"] {
        client.post("/v1/chat/completions", &chat::request(false)).await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["choices"][0]["message"]["content"], text);
    }
    assert_eq!(upstream.record().connections, 2, "the connection with the extra bytes was used again");
}

#[tokio::test]
async fn r23_chunked_wins_over_a_length() {
    let (upstream, sidecar) = start().await;
    let head = [("content-type", "application/json"), ("content-length", "3"), ("transfer-encoding", "chunked")];
    upstream.script(Script::head(200, &head).chunk(whole()).end().never());
    let answer = sidecar.chat(&chat::request(false)).await;
    // Taking the chunks or refusing the answer is right; taking three bytes is not.
    if answer.status() == 200 {
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "hello");
    } else {
        assert_eq!(answer.status(), 502);
    }
}

#[tokio::test]
async fn r23_informational_answers_are_passed_over_but_not_for_ever() {
    let (upstream, sidecar) = start().await;
    upstream.script(Script::default().raw("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(3)).raw(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}",
        whole().len(),
        whole()
    )));
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.head.header("link").is_none());
}

#[tokio::test]
async fn r23_answers_without_a_body_are_no_answer() {
    let (upstream, sidecar) = start().await;
    upstream.script(Script::head(204, &[]).raw("unexpected"));
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
    upstream.script(Script::default().raw("\0\0\0 this is not HTTP\r\n\r\n").fin());
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(502, "upstream_error", "upstream_invalid_response");
    upstream.script(Script::default().fin());
    let answer = sidecar.chat(&chat::request(false)).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
}

#[tokio::test]
async fn r23_broken_chunks_break_the_answer() {
    let (upstream, sidecar) = start().await;
    upstream.script(Script::sse().data(chat::role()).data(chat::text("hello")).raw("zz\r\nnot a chunk\r\n").never());
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_ne!(answer.end, End::Clean, "{}", answer.text());
    assert!(answer.text().contains("\"error\""), "{}", answer.text());
}

#[tokio::test]
async fn hop_by_hop_headers_and_cookies_do_not_cross() {
    let (upstream, sidecar) = start().await;
    let length = whole().len().to_string();
    let head = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
        ("set-cookie", "session=1"),
        ("server", "vendor/1"),
        ("alt-svc", "h3"),
        ("openai-organization", "org-secret"),
        ("x-ratelimit-remaining-requests", "9"),
    ];
    upstream.script(Script::head(200, &head).raw(whole()));
    let sent = [
        ("cookie", "a=b"),
        ("x-forwarded-for", "10.0.0.1"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers"),
        ("connection", "x-secret, authorization"),
        ("x-secret", "1"),
        ("x-stainless-lang", "python"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("authorization", "Bearer of-the-client"),
    ];
    let answer = sidecar.post_with("/v1/chat/completions", &sent, &chat::request(false)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.header("x-ratelimit-remaining-requests"), Some("9"));
    for name in ["set-cookie", "server", "alt-svc", "openai-organization"] {
        assert!(!answer.head.names().any(|n| n == name), "{name} came through");
    }
    let request = &upstream.requests()[0];
    for name in ["cookie", "x-forwarded-for", "proxy-authorization", "te", "x-secret", "x-stainless-lang"] {
        assert_eq!(request.header(name), None, "{name} went out");
    }
    assert_eq!(request.header("authorization"), Some("Bearer sk-canary-0123456789"));
    assert!(request.header("traceparent").is_some());
}

/// A stream's connection is read by the sidecar once hyper has parsed its head.
async fn share_a_connection_in_any_order(upstream: &Upstream, sidecar: &Sidecar) {
    let mut client = sidecar.connect().await;
    let long = "x".repeat(100_000);
    for stream in [true, false, true, true, false, false, true] {
        for text in ["hello", &long] {
            let streamed = chat::stream(&[text]);
            let script = if stream { Script::sse().chunk(&streamed).end() } else { Script::json(200, &chat::completion(text)) };
            upstream.script(script);
            client.post("/v1/chat/completions", &chat::request(stream)).await;
            let answer = client.answer().await;
            assert_eq!(answer.status(), 200);
            assert!(!stream || answer.text() == streamed);
        }
    }
    assert_eq!(upstream.record().connections, 1);
}

#[tokio::test]
async fn streams_and_answers_share_a_connection_in_any_order() {
    let (upstream, sidecar) = start().await;
    share_a_connection_in_any_order(&upstream, &sidecar).await;
}

#[tokio::test]
async fn streams_and_answers_share_a_connection_under_tls() {
    let identity = Identity::new(&[]);
    let upstream = Upstream::start_tls_as(&identity).await;
    let sidecar = Sidecar::start(&format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: 'https://{}/v1', api_key: sk-1, models: [m], tls: {{ca: '{}'}}}}\n",
        upstream.address,
        identity.ca.path().display()
    ))
    .await;
    share_a_connection_in_any_order(&upstream, &sidecar).await;
}

#[tokio::test]
async fn a_streams_head_may_come_in_any_pieces_behind_informational_ones() {
    let (upstream, sidecar) = start().await;
    // Each of the sidecar's workers has connections of its own, and a client's connection is one worker's.
    let mut client = sidecar.connect().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let stream = chat::stream(&["hello"]);
    let whole = format!("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n{head}{:x}\r\n{stream}\r\n0\r\n\r\n", stream.len());
    for size in [1, 2, 3, 50, 115, whole.len()] {
        upstream.script(Script::default().pieces(whole.as_bytes().chunks(size)));
        client.post("/v1/chat/completions", &chat::request(true)).await;
        let answer = client.answer().await;
        assert_eq!(answer.text(), stream, "in pieces of {size}");
    }
    assert_eq!(upstream.record().connections, 1);
}

#[tokio::test]
async fn a_stream_may_be_answered_in_any_framing() {
    let (upstream, sidecar) = start().await;
    // Each of the sidecar's workers has connections of its own, and a client's connection is one worker's.
    let mut client = sidecar.connect().await;
    let stream = chat::stream(&["hello"]);
    let length = stream.len().to_string();
    let sse = ("content-type", "text/event-stream");
    let scripts = [
        (Script::head(200, &[sse, ("content-length", &length)]).raw(&stream), 1),
        (Script::head(200, &[sse]).raw(&stream).fin(), 1),
        (Script::head(200, &[sse, ("connection", "close"), ("content-length", &length)]).raw(&stream).fin(), 2),
        (Script::sse().chunk(&stream).end().raw("unasked"), 3),
        (Script::sse().chunk(&stream).end(), 4),
    ];
    for (script, connections) in scripts {
        upstream.script(script);
        client.post("/v1/chat/completions", &chat::request(true)).await;
        let answer = client.answer().await;
        assert_eq!(answer.text(), stream);
        assert_eq!(upstream.record().connections, connections);
    }
}

/// The vendor answers while it has not read all of the request: the rest is still written, and by hyper.
#[tokio::test]
async fn a_stream_that_begins_before_its_request_is_written_is_whole() {
    const LENGTH: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let sidecar =
        Sidecar::start(&format!("providers:\n  vendor: {{type: openai_compatible, base_url: '{url}', api_key: sk-1, models: [m]}}\n"))
            .await;
    let stream = chat::stream(&["hello"]);
    let vendor = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        socket.read_exact(&mut [0; 1000]).await.unwrap();
        socket.write_all(format!("{head}{:x}\r\n{stream}\r\n", stream.len()).as_bytes()).await.unwrap();
        let mut rest = vec![0; LENGTH];
        socket.read_exact(&mut rest[1000..]).await.unwrap();
        socket.write_all(b"0\r\n\r\n").await.unwrap();
    };
    let mut request = chat::request(true);
    request["messages"][0]["content"] = "x".repeat(LENGTH).into();
    let (answer, ()) = tokio::join!(sidecar.chat(&request), vendor);
    assert_eq!(answer.text(), stream);
}

#[tokio::test]
async fn an_error_behind_the_first_content_in_one_packet_is_recorded_as_what_it_was() {
    let (upstream, sidecar) = start().await;
    let begun = format!("data: {}\n\ndata: {}\n\n", chat::role(), chat::text("hello"));
    upstream
        .script(Script::sse().chunk(format!("{begun}data: {{\"error\":{{\"message\":\"no more\",\"code\":\"overloaded\"}}}}\n\n")).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!(answer.streamed_text(), "hello");
    assert_ne!(answer.end, End::Clean);
    let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
    assert_eq!((&line["outcome"], &line["error"]), (&"failed".into(), &"overloaded".into()), "{line}");
}
