//! The same requests at the same time: one asks, and whatever becomes of it, the others are answered.

use serde_json::json;

use super::{CACHED, answer, request, result, wait_results};
use crate::support::chat;
use crate::support::client::{Client, End};
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Gate, Script, Upstream};

const OTHERS: usize = 19;

/// A request whose upstream has been asked, and others that came behind it.
async fn take_off(upstream: &Upstream, sidecar: &Sidecar, stream: bool) -> (Client, Vec<Client>) {
    let mut first = sidecar.connect().await;
    first.post("/v1/chat/completions", &request(stream)).await;
    upstream.wait_requests(1).await;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &request(stream)).await;
        others.push(client);
    }
    sidecar.wait_metric("llm_active_requests", (OTHERS + 1) as f64).await;
    (first, others)
}

#[tokio::test]
async fn twenty_requests_at_once_are_one_upstream_request() {
    for stream in [false, true] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::before(&upstream, CACHED).await;
        let gate = Gate::default();
        let script = if stream {
            chat::stream(&["one", "two"]).split_inclusive("\n\n").fold(Script::sse(), |script, event| script.chunk(event).gate(&gate)).end()
        } else {
            let body = chat::completion("hello").to_string();
            Script::default()
                .gate(&gate)
                .raw(format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
        };
        upstream.script(script);
        let (mut first, others) = take_off(&upstream, &sidecar, stream).await;
        gate.open_for_good();
        let asked = first.answer().await;
        assert_eq!((asked.status(), asked.end, result(&asked)), (200, End::Clean, Some("miss")));
        let mut shared = 0;
        for mut client in others {
            let answer = client.answer().await;
            assert_eq!((answer.status(), answer.end, answer.text()), (200, End::Clean, asked.text()));
            assert_eq!(answer.head.header("content-type"), asked.head.header("content-type"));
            assert_eq!(answer.head.header("x-llm-attempts"), Some("0"));
            match result(&answer) {
                Some("shared") => shared += 1,
                // The last ones may have come when all was over.
                other => assert_eq!(other, Some("hit")),
            }
        }
        assert!(shared > 0);
        assert_eq!(upstream.count(), 1);
        wait_results(&sidecar, OTHERS - shared, 1, shared, 0).await;
        sidecar.wait_metric("llm_upstream_attempts_total", 1.0).await;
    }
}

#[tokio::test]
async fn when_the_one_that_asks_goes_away_the_others_ask_themselves() {
    for stream in [false, true] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::before(&upstream, CACHED).await;
        // For a stream within the answer, else before it.
        upstream.script(if stream { Script::sse().data(chat::role()).data(chat::text("hello")).never() } else { Script::silent() });
        upstream.always(answer("own", stream));
        let (mut first, others) = take_off(&upstream, &sidecar, stream).await;
        if stream {
            assert_eq!(first.head().await.status, 200);
        }
        first.reset();
        upstream.wait_closed(1).await;
        for mut client in others {
            let answer = client.answer().await;
            assert_eq!((answer.status(), answer.end), (200, End::Clean), "{}", answer.text());
            assert!(answer.text().contains("own"), "{}", answer.text());
        }
        assert!(upstream.count() >= 2);
        sidecar.wait_idle().await;
        assert_eq!(result(&sidecar.chat(&request(stream)).await), Some("hit"));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_kept_is_not_shared() {
    let error = json!({"error": {"message": "x", "type": "server_error", "param": null, "code": null}}).to_string();
    let gate = Gate::default();
    let failed = format!("HTTP/1.1 500 Oops\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{error}", error.len());
    let begun = Script::sse().data(chat::role()).data(chat::text("hello"));
    for script in [
        Script::default().gate(&gate).raw(failed),
        begun.clone().gate(&gate).rst(),
        begun.gate(&gate).data(chat::text(&"x".repeat(20 << 10))).data(chat::finish()).data("[DONE]").end(),
    ] {
        let upstream = Upstream::start().await;
        let sidecar = Sidecar::before(&upstream, &format!("{CACHED}\ncache: {{max_bytes: 1MiB, max_entry: 16KiB}}")).await;
        upstream.script(script);
        upstream.always(answer("own", true));
        let (mut first, others) = take_off(&upstream, &sidecar, true).await;
        gate.open();
        for mut client in others {
            let answer = client.answer().await;
            answer.assert_whole();
            assert!(answer.text().contains("own"), "{}", answer.text());
        }
        let asked = first.answer().await;
        assert!(!asked.text().contains("own"), "{}", asked.text());
    }
}

#[tokio::test]
async fn who_waits_too_long_asks_itself() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&provider("openai_compatible", &upstream, CACHED).replace("first_token: 5s", "first_token: 300ms")).await;
    let gate = Gate::default();
    let slow = Script::sse().data(chat::role()).data(chat::text("slow")).gate(&gate).data(chat::finish()).data("[DONE]").end();
    upstream.script(slow);
    upstream.always(answer("own", true));
    let mut first = sidecar.connect().await;
    first.post("/v1/chat/completions", &request(true)).await;
    assert_eq!(first.head().await.status, 200);
    // The client's own limit is an end, the provider's only a reason not to wait.
    let mut hurried = sidecar.connect().await;
    hurried.post_with("/v1/chat/completions", &[("x-request-timeout-ms", "100")], &request(true)).await;
    let late = hurried.answer().await;
    assert_eq!((late.status(), result(&late)), (504, Some("miss")), "{}", late.text());
    assert_eq!(upstream.count(), 1);
    let own = sidecar.chat(&request(true)).await;
    own.assert_whole();
    assert_eq!(own.streamed_text(), "own and more");
    gate.open();
    let (body, end) = first.rest().await;
    assert_eq!(end, End::Clean);
    assert!(String::from_utf8(body).unwrap().contains("slow"));
}
