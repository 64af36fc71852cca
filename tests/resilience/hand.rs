//! Breakers opened and reset by hand, limits and breakers shown.

use serde_json::Value;

use crate::support::chat;
use crate::support::client::{Answer, Client};
use crate::support::sidecar::Sidecar;
use crate::support::upstream::Upstream;
use crate::{ADMIN, provider, refusal, whole};

async fn admin(sidecar: &Sidecar, method: &str, path: &str, token: &str) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n")).await;
    client.answer().await
}

async fn start() -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let more = ", retry: {attempts: 1}, breaker: {consecutive_failures: 2, open: 30s..60s}, limit: {requests: {rate: 100/h}, concurrency: {max: 7}}";
    let sidecar = Sidecar::start(&format!("{ADMIN}providers:\n{}", provider("vendor", &upstream, more))).await;
    upstream.always(whole("hello"));
    (upstream, sidecar)
}

async fn state(sidecar: &Sidecar) -> String {
    let shown = admin(sidecar, "GET", "/api/v1/breakers", "viewer-token").await.json();
    shown["breakers"][0]["state"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned()
}

#[tokio::test]
async fn a_breaker_is_shown_reset_and_opened() {
    let (upstream, sidecar) = start().await;
    for _ in 0..2 {
        upstream.script(refusal(500, &[]));
        sidecar.chat(&chat::request(false)).await;
    }
    let shown = admin(&sidecar, "GET", "/api/v1/breakers", "viewer-token").await.json();
    let breaker = &shown["breakers"][0];
    assert_eq!(
        (breaker["provider"].as_str(), breaker["model"].as_str(), breaker["credential"].as_u64()),
        (Some("vendor"), Some("m"), Some(1))
    );
    assert_eq!((breaker["state"].as_str(), breaker["trips"]["consecutive"].as_u64()), (Some("open"), Some(1)), "{breaker}");
    assert!(breaker["retry_after_ms"].as_u64().is_some_and(|wait| wait > 10_000), "{breaker}");
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 503);
    let done = admin(&sidecar, "POST", "/api/v1/breakers/reset?provider=vendor", "operator-token").await;
    assert_eq!((done.status(), done.json()["changed"].as_u64()), (200, Some(1)));
    assert_eq!(state(&sidecar).await, "closed");
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    let done =
        admin(&sidecar, "POST", "/api/v1/breakers/force-open?provider=vendor&model=m&credential=1&seconds=600", "operator-token").await;
    assert_eq!(done.json()["changed"], 1, "{}", done.text());
    sidecar.chat(&chat::request(false)).await.assert_error(503, "overloaded_error", "upstream_unavailable");
    // It is written down who did it.
    sidecar.wait_log("the line that says who", |line| line["who"] == "ops" && line["act"] == "breakers.force_open").await;
}

#[tokio::test]
async fn a_model_can_be_taken_out_before_it_was_ever_asked() {
    let (upstream, sidecar) = start().await;
    let done = admin(&sidecar, "POST", "/api/v1/breakers/force-open?provider=vendor&model=m", "operator-token").await;
    assert_eq!(done.json()["changed"], 1);
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 503);
    assert_eq!(upstream.requests().len(), 0);
}

#[tokio::test]
async fn only_an_operator_lays_hands_on_and_mistakes_are_told() {
    let (_upstream, sidecar) = start().await;
    for (path, token, status) in [
        ("/api/v1/breakers/reset?provider=vendor", "viewer-token", 403),
        ("/api/v1/breakers/reset?provider=vendor", "nobody", 401),
        ("/api/v1/breakers/reset", "operator-token", 400),
        ("/api/v1/breakers/reset?provider=none", "operator-token", 400),
        ("/api/v1/breakers/reset?provider=vendor&seconds=5", "operator-token", 400),
        ("/api/v1/breakers/force-open?provider=vendor&seconds=0", "operator-token", 400),
        ("/api/v1/breakers/force-open?provider=vendor&credential=x", "operator-token", 400),
        ("/api/v1/breakers/force-open?provider=%ff", "operator-token", 400),
    ] {
        let answer = admin(&sidecar, "POST", path, token).await;
        assert_eq!(answer.status(), status, "{path}");
        let error: Value = answer.json();
        assert!(error["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{path}");
    }
    assert_eq!(admin(&sidecar, "GET", "/api/v1/breakers/reset", "operator-token").await.status(), 405);
    assert_eq!(admin(&sidecar, "GET", "/api/v1/limits", "nobody").await.status(), 401);
}

#[tokio::test]
async fn limits_are_shown_as_they_stand() {
    let (_upstream, sidecar) = start().await;
    for _ in 0..3 {
        sidecar.chat(&chat::request(false)).await;
    }
    let shown = admin(&sidecar, "GET", "/api/v1/limits", "viewer-token").await.json();
    let limit = &shown["upstreams"][0];
    assert_eq!((&limit["provider"], &limit["model"]), (&"vendor".into(), &Value::Null), "{shown}");
    assert_eq!((limit["requests"][0]["limit"].as_u64(), limit["requests"][0]["remaining"].as_u64()), (Some(100), Some(97)), "{shown}");
    assert_eq!((limit["concurrency"].as_u64(), limit["in_flight"].as_u64(), limit["queue_depth"].as_u64()), (Some(7), Some(0), Some(0)));
}
