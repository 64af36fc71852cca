//! What a request costs in attempts is bounded. (R04 and R05 are in `tests/chaos`.)

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Upstream};

fn provider(name: &str, upstream: &Upstream) -> String {
    format!(
        "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: k, models: [m], \
         timeout: {{connect: 1s, first_token: 200ms, idle: 2s, total: 5s}}, retry: {{attempts: 3, backoff: 1ms..5ms}}, {NO_BREAKER}}}\n",
        upstream.address
    )
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
