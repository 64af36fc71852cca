//! An upstream that fails is left alone, tried again, and trusted again (R13, R14, R15).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};
use crate::{provider, refusal, request, stream, whole};

const STATE: &str = "llm_circuit_breaker_state{provider=\"vendor\",model=\"m\",credential=\"1\"}";

async fn start(breaker: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let more = format!(", retry: {{attempts: 1}}, breaker: {{{breaker}}}");
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, &more))).await;
    (upstream, sidecar)
}

/// Every kind of failure that an upstream can show, before and within its answer.
fn failures() -> Vec<Script> {
    vec![
        refusal(500, &[]),
        refusal(503, &[]),
        refusal(529, &[]),
        Script::default().rst(),
        Script::sse().data(chat::role()).fin(),
        Script::sse().data(chat::role()).data(chat::text("cut")).fin(),
        Script::sse().data(chat::role()).data(chat::text("cut")).rst(),
        Script::sse().data(chat::text("broken")).data("{\"choices\":").end(),
        Script::sse().data(chat::text("told")).data(r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#).end(),
        Script::answer(200, "text/html", "<html>"),
    ]
}

#[tokio::test]
async fn every_kind_of_failure_counts_and_the_upstream_is_then_left_alone() {
    let (upstream, sidecar) = start("consecutive_failures: 10, min_requests: 1000, open: 30s..60s").await;
    for script in failures() {
        assert_eq!(sidecar.metric(STATE).await, 0.0);
        upstream.script(script);
        sidecar.chat(&chat::request(true)).await;
    }
    sidecar.wait_metric(STATE, 2.0).await;
    let started = Instant::now();
    for stream in [true, false] {
        let answer = sidecar.chat(&chat::request(stream)).await;
        answer.assert_error(503, "overloaded_error", "upstream_unavailable");
        let seconds: u64 = answer.head.header("retry-after").unwrap().parse().unwrap();
        assert!((20..=37).contains(&seconds), "{seconds}");
        assert_eq!(answer.head.header("x-llm-attempts"), None);
    }
    assert!(started.elapsed() < Duration::from_millis(500));
    assert_eq!(upstream.requests().len(), 10);
    assert_eq!(sidecar.metric("llm_circuit_breaker_transitions_total{provider=\"vendor\",to=\"open\",reason=\"consecutive\"}").await, 1.0);
}

#[tokio::test]
async fn what_is_the_clients_or_the_accounts_business_is_no_failure() {
    let (upstream, sidecar) = start("consecutive_failures: 2, open: 30s..60s").await;
    for status in [400, 401, 402, 403, 404, 413, 422, 429] {
        for _ in 0..3 {
            upstream.script(refusal(status, &[]));
            assert_eq!(sidecar.chat(&chat::request(false)).await.status(), status);
        }
    }
    assert_eq!(sidecar.metric(STATE).await, 0.0);
}

#[tokio::test]
async fn a_healthy_upstream_is_closed_again_after_one_probe() {
    let (upstream, sidecar) = start("consecutive_failures: 2, open: 200ms..400ms").await;
    for _ in 0..2 {
        upstream.script(refusal(500, &[]));
        sidecar.chat(&chat::request(true)).await;
    }
    assert_eq!(sidecar.chat(&chat::request(true)).await.status(), 503);
    tokio::time::sleep(Duration::from_millis(260)).await;
    // One probe at a time: while it is silent, others are told to come back.
    let gate = Gate::default();
    upstream.script(Script::sse().data(chat::role()).gate(&gate).chunk(chat::stream(&["well again"])).end());
    let mut probe = sidecar.connect().await;
    probe.post("/v1/chat/completions", &chat::request(true)).await;
    upstream.wait_requests(3).await;
    assert_eq!(sidecar.metric(STATE).await, 1.0);
    let others = join_all((0..5).map(|_| async { sidecar.chat(&chat::request(true)).await })).await;
    assert!(others.iter().all(|answer| answer.status() == 503));
    assert_eq!(upstream.requests().len(), 3);
    gate.open();
    probe.answer().await.assert_whole();
    assert_eq!(sidecar.metric(STATE).await, 0.0);
    upstream.always(stream("hello"));
    for _ in 0..5 {
        sidecar.chat(&chat::request(true)).await.assert_whole();
    }
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_for_longer_and_one_that_is_cancelled_does_not() {
    let (upstream, sidecar) = start("consecutive_failures: 1, open: 150ms..10s").await;
    upstream.script(refusal(500, &[]));
    sidecar.chat(&chat::request(true)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // The client goes away before the probe has said anything: the next request is the probe.
    for round in 0..3 {
        upstream.script(Script::silent());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        upstream.wait_requests(2 + round).await;
        drop(client);
        sidecar.wait_idle().await;
        assert_eq!(sidecar.metric(STATE).await, 1.0);
    }
    upstream.script(refusal(503, &[("retry-after", "1")]));
    assert_eq!(sidecar.chat(&chat::request(true)).await.status(), 503);
    assert_eq!(sidecar.metric(STATE).await, 2.0);
    assert_eq!(sidecar.metric("llm_circuit_breaker_transitions_total{reason=\"probe_failed\"}").await, 1.0);
    // It is left alone for as long as it asked for.
    let answer = sidecar.chat(&chat::request(true)).await;
    let wait: u64 = answer.head.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((500..=1300).contains(&wait), "{wait}");
}

#[tokio::test]
async fn r14_failures_that_come_together_open_it_once() {
    let (upstream, sidecar) = start("consecutive_failures: 5, open: 30s..60s").await;
    let gate = Gate::default();
    upstream.always(Script::default().gate(&gate).followed_by(&refusal(500, &[])));
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(false)).await;
        clients.push(client);
    }
    upstream.wait_requests(40).await;
    (0..40).for_each(|_| gate.open());
    for mut client in clients {
        assert_eq!(client.answer().await.status(), 500);
    }
    assert_eq!(sidecar.metric("llm_circuit_breaker_transitions_total{to=\"open\"}").await, 1.0);
    let answer = sidecar.chat(&chat::request(true)).await;
    let seconds: u64 = answer.head.header("retry-after").unwrap().parse().unwrap();
    assert!((20..=37).contains(&seconds), "one open time and not several: {seconds}");
}

#[tokio::test]
async fn r15_clients_that_go_away_are_no_failures() {
    let (upstream, sidecar) = start("consecutive_failures: 3, min_requests: 5, open: 30s..60s").await;
    for (round, script) in [Script::silent(), Script::sse().data(chat::role()).never(), Script::sse().data(chat::text("x")).never()]
        .iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        upstream.script(script.clone());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        upstream.wait_requests(round + 1).await;
        drop(client);
    }
    sidecar.wait_idle().await;
    assert_eq!(sidecar.metric(STATE).await, 0.0);
    assert_eq!(sidecar.metric("llm_upstream_attempts_total{provider=\"vendor\",class=\"client_cancel\"}").await, 60.0);
    upstream.always(whole("hello"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
}

#[tokio::test]
async fn each_model_has_a_breaker_of_its_own() {
    let (upstream, sidecar) = start("consecutive_failures: 2, open: 30s..60s").await;
    for _ in 0..2 {
        upstream.script(refusal(500, &[]));
        sidecar.chat(&chat::request(false)).await;
    }
    upstream.always(whole("hello"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 503);
    // A model that is not in the configuration, too.
    assert_eq!(sidecar.chat(&request("vendor/other", false)).await.status(), 200);
    assert_eq!(sidecar.metric(STATE).await, 2.0);
    assert_eq!(sidecar.metric("llm_circuit_breaker_state{provider=\"vendor\",model=\"other\"}").await, 0.0);
}

#[tokio::test]
async fn a_stream_that_crawls_counts_as_a_failure_where_that_is_asked_for() {
    let (upstream, sidecar) = start("consecutive_failures: 1, open: 30s..60s, min_tokens_per_second: 50").await;
    upstream.script(
        Script::sse().data(chat::text("so ")).pause(Duration::from_millis(1100)).data(chat::text("slow")).chunk(chat::stream(&[""])).end(),
    );
    sidecar.chat(&chat::request(true)).await.assert_whole();
    sidecar.wait_metric(STATE, 2.0).await;
}
