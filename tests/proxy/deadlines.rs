//! Silence and slowness end (rows 70, 71 and 85), and heartbeats bridge what is allowed. (R17 and R43 are in `tests/chaos`.)

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::support::chat;
use crate::support::client::End;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};

async fn start(timeouts: &str, more: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let yaml = format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: k, models: [m], retry: {{attempts: 1}}, timeout: {timeouts}}}\n{more}\n",
        upstream.address
    );
    let sidecar = Sidecar::start(&yaml).await;
    (upstream, sidecar)
}

fn begun() -> Script {
    Script::sse().data(chat::role()).data(chat::text("hello"))
}

#[tokio::test]
async fn row_70_no_first_byte_is_a_504() {
    let (upstream, sidecar) = start("{connect: 1s, first_token: 150ms, idle: 5s, total: 10s}", "").await;
    let half = Script::head(200, &[("content-type", "application/json"), ("content-length", "100")]).raw("{\"id\":");
    for (stream, script) in [(false, Script::silent()), (true, Script::silent()), (true, Script::sse().never()), (false, half.never())] {
        upstream.script(script);
        let started = Instant::now();
        let answer = sidecar.chat(&chat::request(stream)).await;
        answer.assert_error(504, "timeout_error", "upstream_timeout");
        assert!((Duration::from_millis(140)..Duration::from_millis(800)).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
    upstream.wait_closed(4).await;
}

#[tokio::test]
async fn row_71_the_total_time_ends_a_stream_that_goes_on_and_on() {
    let (upstream, sidecar) = start("{connect: 400ms, first_token: 400ms, idle: 400ms, total: 400ms}", "").await;
    let words = (0..1000).fold(begun(), |script, _| script.data(chat::text("more")).pause(Duration::from_millis(20)));
    upstream.script(words);
    let started = Instant::now();
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_broken("upstream_timeout");
    assert!((Duration::from_millis(350)..Duration::from_millis(1500)).contains(&started.elapsed()), "{:?}", started.elapsed());
    upstream.wait_closed(1).await;
}

#[tokio::test]
async fn row_85_silence_within_a_stream_breaks_it() {
    let (upstream, sidecar) = start("{connect: 1s, first_token: 5s, idle: 150ms, total: 10s}", "").await;
    for script in [begun().never(), begun().raw("10\r\ndata: {\"half").never()] {
        upstream.script(script);
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.streamed_text(), "hello");
        answer.assert_broken("upstream_idle_timeout");
        let line = sidecar.access(answer.head.header("x-request-id").unwrap()).await;
        assert_eq!(line["outcome"], "failed", "{line}");
    }
    upstream.wait_closed(2).await;
}

#[tokio::test]
async fn content_keeps_a_slow_stream_alive() {
    for kind in ["openai_compatible", "anthropic"] {
        let upstream = Upstream::start().await;
        let path = if kind == "anthropic" { "" } else { "/v1" };
        let yaml = format!(
            "providers: {{vendor: {{type: {kind}, base_url: \"http://{}{path}\", api_key: k, models: [m], timeout: {{idle: 500ms}}}}}}",
            upstream.address
        );
        let sidecar = Sidecar::start(&yaml).await;
        let texts = ["word "; 40];
        let stream = if kind == "anthropic" { chat::messages_stream(&texts) } else { chat::stream(&texts) };
        let paced =
            stream.split_inclusive("\n\n").fold(Script::sse(), |script, event| script.chunk(event).pause(Duration::from_millis(40)));
        upstream.script(paced.end());
        let answer = sidecar.chat(&chat::request(true)).await;
        answer.assert_whole();
        assert_eq!(answer.streamed_text(), texts.concat(), "{kind}");
    }
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_with_what_sdks_ignore() {
    let (upstream, sidecar) = start("{connect: 1s, first_token: 5s, idle: 10s, total: 20s}", "server: {heartbeat: 50ms}").await;
    let gate = Gate::default();
    upstream.script(begun().gate(&gate).data(chat::text(" again")).data(chat::finish()).data("[DONE]").end());
    let mut client = sidecar.connect().await;
    client.post("/v1/chat/completions", &chat::request(true)).await;
    assert_eq!(client.head().await.status, 200);
    let mut seen = String::new();
    while seen.matches("\n\n: ").count() < 3 {
        seen += &String::from_utf8(client.piece().await.unwrap()).unwrap();
    }
    gate.open();
    let (rest, end) = client.rest().await;
    seen += &String::from_utf8(rest).unwrap();
    assert_eq!(end, End::Clean);
    for event in seen.split("\n\n").filter(|event| !event.is_empty()) {
        let data = event.strip_prefix("data: ");
        assert!(event.starts_with(": ") || data.is_some_and(|d| d == "[DONE]" || serde_json::from_str::<Value>(d).is_ok()), "{event}");
    }
}
