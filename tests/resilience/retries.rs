//! Retries: when, how often and for how long (R16, R17).

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{provider, refusal, request, stream, whole};

async fn start(more: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, &format!(", {more}")))).await;
    (upstream, sidecar)
}

#[tokio::test]
async fn a_vendors_retry_after_is_waited_for_and_a_long_one_is_passed_on() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..2ms, budget: 100%}").await;
    for (headers, wait) in [
        ([("retry-after", "1")], 1000),
        ([("retry-after-ms", "300")], 300),
        ([("retry-after", "-5")], 0),
        ([("retry-after", "NaN")], 0),
        ([("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], 0),
    ] {
        upstream.script(refusal(429, &headers));
        upstream.script(stream("hello"));
        let started = Instant::now();
        let answer = sidecar.chat(&chat::request(true)).await;
        answer.assert_whole();
        let took = started.elapsed();
        let least = Duration::from_millis(wait);
        assert!(took >= least && took < least + Duration::from_millis(600), "{headers:?}: {took:?}");
    }
    let before = upstream.requests().len();
    upstream.script(refusal(429, &[("retry-after", "11")]));
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!((answer.status(), answer.head.header("retry-after")), (429, Some("11")));
    upstream.script(refusal(503, &[("retry-after", "3600")]));
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!((answer.status(), answer.head.header("retry-after")), (503, Some("120")));
    assert_eq!(upstream.requests().len() - before, 2);
}

#[tokio::test]
async fn the_same_key_tells_a_vendor_that_it_is_the_same_request() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..2ms}").await;
    let key = |index: usize| upstream.requests()[index].header("idempotency-key").map(str::to_owned);
    upstream.script(refusal(503, &[]));
    upstream.script(refusal(503, &[]));
    upstream.always(whole("hello"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert!(key(0).is_some() && key(0) == key(1) && key(1) == key(2) && key(2) != key(3));
    sidecar.post_with("/v1/chat/completions", &[("idempotency-key", "the-clients-own")], &chat::request(false)).await;
    assert_eq!(key(4).as_deref(), Some("the-clients-own"));
}

#[tokio::test]
async fn what_is_ambiguous_is_repeated_only_where_that_is_asked_for() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..2ms, ambiguous: 1}").await;
    upstream.script(refusal(500, &[]));
    upstream.script(stream("hello"));
    assert_eq!(sidecar.chat(&chat::request(true)).await.head.header("x-llm-attempts"), Some("2"));
    upstream.always(refusal(500, &[]));
    let answer = sidecar.chat(&chat::request(true)).await;
    assert_eq!((answer.status(), upstream.requests().len()), (500, 4));
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_body_too_large_to_keep_is_sent_once() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..2ms, replay_max: 1KiB}").await;
    upstream.always(refusal(503, &[]));
    let mut body = chat::request(true);
    body["messages"][0]["content"] = "x".repeat(2000).into();
    assert_eq!(sidecar.chat(&body).await.status(), 503);
    assert_eq!(upstream.requests().len(), 1);
}

/// Without a breaker, so that the budget alone has to hold.
#[tokio::test]
async fn r16_retries_do_not_multiply_an_outage() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..5ms}, breaker: {enabled: false}").await;
    upstream.always(refusal(503, &[]));
    let mut requests = 0;
    for _ in 0..20 {
        let answers = join_all((0..25).map(|_| async { sidecar.chat(&chat::request(false)).await })).await;
        requests += answers.len();
        assert!(answers.iter().all(|answer| answer.status() == 503));
    }
    let attempts = upstream.requests().len();
    assert!(attempts as f64 <= 1.2 * requests as f64 + 30.0, "{attempts} attempts for {requests} requests");
    assert!(attempts > requests, "{attempts} attempts for {requests} requests");
}

#[tokio::test]
async fn r16_with_the_breaker_an_outage_sees_next_to_nothing() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..5ms}").await;
    upstream.always(refusal(503, &[]));
    for _ in 0..20 {
        join_all((0..25).map(|_| async { sidecar.chat(&chat::request(false)).await })).await;
    }
    assert!(upstream.requests().len() <= 60, "{}", upstream.requests().len());
}

#[tokio::test]
async fn r16_the_sdks_retries_and_the_sidecars_do_not_multiply() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..5ms}, breaker: {enabled: false}").await;
    upstream.always(refusal(503, &[]));
    // As the official SDKs do: two retries, unless told not to.
    let mut tries = 0;
    loop {
        let answer = sidecar.chat(&chat::request(false)).await;
        tries += 1;
        if tries == 3 || answer.head.header("x-should-retry") == Some("false") {
            break;
        }
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn r17_waits_and_attempts_end_at_the_clients_deadline_which_is_nobodys_failure() {
    let (upstream, sidecar) = start("retry: {attempts: 3, backoff: 1ms..2ms}, breaker: {consecutive_failures: 1}").await;
    upstream.always(Script::silent());
    for _ in 0..3 {
        let started = Instant::now();
        let answer = sidecar.post_with("/v1/chat/completions", &[("x-request-timeout-ms", "150")], &request("vendor/m", true)).await;
        answer.assert_error(504, "timeout_error", "upstream_timeout");
        assert!(started.elapsed() < Duration::from_millis(600), "{:?}", started.elapsed());
    }
    assert_eq!(upstream.requests().len(), 3);
    assert_eq!(sidecar.metric("llm_circuit_breaker_state").await, 0.0);
}
