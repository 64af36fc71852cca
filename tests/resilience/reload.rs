//! Limits and breakers outlive a reload (R12).

use crate::support::chat;
use crate::support::client::Client;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::Upstream;
use crate::{ADMIN, provider, refusal, request, whole};

async fn reloaded(sidecar: &Sidecar, yaml: &str) {
    sidecar.edit_in_place(yaml);
    let mut client = Client::connect(sidecar.admin).await;
    client.send("POST /api/v1/config/reload HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator-token\r\n\r\n").await;
    assert!(matches!(client.answer().await.status(), 200 | 422));
}

#[tokio::test]
async fn r12_a_reload_refills_nothing_and_a_changed_limit_acts_on_the_next_request() {
    let upstream = Upstream::start().await;
    upstream.always(whole("hello"));
    let yaml = |rate: &str, comment: u32| {
        format!("# {comment}\n{ADMIN}providers:\n{}", provider("vendor", &upstream, &format!(", limit: {{requests: {{rate: {rate}}}}}")))
    };
    let sidecar = Sidecar::start(&yaml("10/d", 0)).await;
    let mut passed = 0;
    for round in 1..=20 {
        passed += usize::from(sidecar.chat(&chat::request(false)).await.status() == 200);
        reloaded(&sidecar, &yaml("10/d", round)).await;
    }
    assert_eq!((passed, upstream.requests().len()), (10, 10));
    reloaded(&sidecar, &yaml("12/d", 100)).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 429);
    reloaded(&sidecar, &yaml("3/d", 101)).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 429);
    // A file with a mistake changes no limit.
    reloaded(&sidecar, &yaml("1000/x", 102)).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 429);
    reloaded(&sidecar, &format!("{ADMIN}providers:\n{}", provider("vendor", &upstream, ""))).await;
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
}

#[tokio::test]
async fn an_open_breaker_stays_open_over_a_reload_and_closes_with_a_new_key() {
    let upstream = Upstream::start().await;
    let yaml = |key: &str, comment: u32| {
        let more = format!(", api_keys: [{key}], retry: {{attempts: 1}}, breaker: {{consecutive_failures: 2, open: 30s..60s}}");
        format!("# {comment}\n{ADMIN}providers:\n{}", provider("vendor", &upstream, &more))
    };
    let sidecar = Sidecar::start(&yaml("sk-canary-one", 0)).await;
    for _ in 0..2 {
        upstream.script(refusal(500, &[]));
        sidecar.chat(&chat::request(false)).await;
    }
    upstream.always(whole("hello"));
    for round in 1..=5 {
        reloaded(&sidecar, &yaml("sk-canary-one", round)).await;
        assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 503);
    }
    // Another credential is another upstream.
    reloaded(&sidecar, &yaml("sk-canary-two", 6)).await;
    assert_eq!(sidecar.chat(&request("vendor/m", false)).await.status(), 200);
}
