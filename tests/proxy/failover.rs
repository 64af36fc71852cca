//! Until content has come, another target may answer (R04, R05); what a request costs in attempts is bounded.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

fn provider(name: &str, upstream: &Upstream) -> String {
    format!(
        "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: k, models: [m], \
         timeout: {{connect: 1s, first_token: 200ms, idle: 2s, total: 5s}}, retry: {{attempts: 3, backoff: 1ms..5ms}}}}\n",
        upstream.address
    )
}

async fn two() -> (Upstream, Upstream, Sidecar) {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second.always(Script::sse().chunk(chat::stream(&["from the second"])).end());
    let yaml = format!(
        "providers:\n{}{}models:\n  both: {{targets: [{{provider: first, model: m}}], fallback: [{{provider: second, model: m}}]}}\n",
        provider("first", &first),
        provider("second", &second)
    );
    let sidecar = Sidecar::start(&yaml).await;
    (first, second, sidecar)
}

fn request() -> Value {
    let mut body = chat::request(true);
    body["model"] = "both".into();
    body
}

#[tokio::test]
async fn r04_a_silent_vendor_is_left_before_its_first_token() {
    let (first, _second, sidecar) = two().await;
    for script in [Script::silent(), Script::sse().never(), Script::sse().data(chat::role()).never()] {
        for _ in 0..3 {
            first.script(script.clone());
            let started = Instant::now();
            let answer = sidecar.chat(&request()).await;
            answer.assert_whole();
            assert_eq!(answer.streamed_text(), "from the second");
            assert_eq!(answer.head.header("x-llm-attempts"), Some("2"));
            assert_eq!(answer.head.header("x-llm-provider"), Some("second"));
            let took = started.elapsed();
            assert!((Duration::from_millis(190)..Duration::from_millis(900)).contains(&took), "{took:?}");
        }
    }
    // The silent ones were left for good.
    first.wait_closed(9).await;
}

#[tokio::test]
async fn r05_an_error_in_the_second_event_still_fails_over() {
    let (first, second, sidecar) = two().await;
    let errors = [
        json!({"error": {"message": "overloaded", "type": "server_error", "param": null, "code": "overloaded"}}).to_string(),
        json!({"error": {"message": "upstream failed", "code": 502}}).to_string(),
        "not json".to_owned(),
    ];
    for error in &errors {
        for preamble in 0..=3 {
            let script = (0..preamble).fold(Script::sse(), |script, _| script.data(chat::role()));
            first.script(script.data(error).end());
            let answer = sidecar.chat(&request()).await;
            answer.assert_whole();
            assert_eq!(answer.streamed_text(), "from the second", "{error} after {preamble}");
        }
    }
    assert_eq!((first.requests().len(), second.requests().len()), (12, 12));
}

#[tokio::test]
async fn a_vendor_that_did_no_work_is_asked_again() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream))).await;
    let wait = [("content-type", "application/json"), ("content-length", "2"), ("retry-after-ms", "20")];
    upstream.script(Script::head(429, &wait).raw("{}"));
    upstream.script(Script::head(503, &wait).raw("{}"));
    upstream.script(Script::sse().chunk(chat::stream(&["at last"])).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    assert_eq!(answer.head.header("x-llm-attempts"), Some("3"));
    // Three attempts are all; then the client's SDK is told not to try again by itself.
    let wait = [("content-type", "application/json"), ("content-length", "2"), ("retry-after-ms", "5")];
    upstream.always(Script::head(503, &wait).raw("{}"));
    let before = upstream.requests().len();
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    assert_eq!(upstream.requests().len() - before, 3);
}

#[tokio::test]
async fn what_may_have_been_worked_on_is_not_sent_to_the_same_vendor_again() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream))).await;
    for (script, status) in [
        (Script::json(500, &json!({"error": {"message": "x", "type": "x", "param": null, "code": null}})), 500),
        (Script::json(400, &json!({"error": {"message": "x", "type": "x", "param": null, "code": null}})), 400),
        (Script::default().rst(), 502),
        (Script::silent(), 504),
    ] {
        let before = upstream.requests().len();
        upstream.always(script);
        let answer = sidecar.chat(&chat::request(true)).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(upstream.requests().len() - before, 1, "{status}");
    }
}

#[tokio::test]
async fn r17_one_deadline_covers_all_attempts() {
    let (first, second, sidecar) = two().await;
    first.always(Script::silent());
    second.always(Script::silent());
    let mut client = sidecar.connect().await;
    client.post_with("/v1/chat/completions", &[("x-request-timeout-ms", "300")], &request()).await;
    let started = Instant::now();
    let answer = client.answer().await;
    assert_eq!(answer.status(), 504, "{}", answer.text());
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}
