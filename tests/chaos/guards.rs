//! R11, R13, R15, R16: limits, breakers and retry budgets under many requests, and that everything they lend comes back.

use std::time::Duration;

use tokio::time::Instant;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::support::chat;
use crate::support::invariants;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::turn;
use crate::volume::volume;

const LIMITED: usize = 10_000;
const MIXED: usize = 10_000;
const CANCELS: usize = 10_000;
/// The catalogue's outage: so many requests a second for so long.
const OUTAGE_RATE: usize = 500;
const OUTAGE_SECONDS: usize = 60;
const AT_ONCE: usize = 32;

fn provider(upstream: &Upstream, more: &str) -> String {
    format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {}, models: [m], \
         timeout: {{connect: 2s, first_token: 5s, idle: 5s, total: 20s}}, {more}}}\n",
        upstream.address,
        invariants::CANARY
    )
}

#[tokio::test]
async fn r11_no_more_requests_pass_than_burst_and_rate_allow() {
    let _turn = turn::alone().await;
    for algorithm in ["token_bucket", "sliding_window"] {
        let upstream = Upstream::start().await;
        upstream.always(Script::json(200, &chat::completion("hello")));
        let limit = format!("limit: {{requests: {{rate: 200/s, algorithm: {algorithm}}}}}");
        let sidecar = Sidecar::start(&provider(&upstream, &limit)).await;
        let started = Instant::now();
        let told = many(volume(LIMITED), AT_ONCE, |n| Ask::new(format!("{n}"), n % 2 == 0).of(&sidecar)).await;
        let seconds = started.elapsed().as_secs_f64();
        let passed = upstream.requests().len();
        let most = 200.0 + 200.0 * seconds;
        tell("R11", format_args!("{algorithm}: {passed} of {} passed in {seconds:.1} s, at most {most:.0} may", told.len()));
        assert!(passed as f64 <= most, "{algorithm}: {passed} > {most}");
        // And not much fewer, as far as the clients asked for more.
        assert!(passed >= 200.min(told.len()), "{algorithm}: {passed}");
        assert!(told.iter().all(|told| matches!(told.status(), 200 | 429)));
        invariants::check(&sidecar, &[&upstream], &told).await;
    }
}

#[tokio::test]
async fn r11_what_is_lent_comes_back_whatever_becomes_of_the_requests() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let more = "retry: {attempts: 2, backoff: 1ms..2ms}, breaker: {enabled: false}, \
                limit: {requests: {rate: 1000000/s}, tokens: {rate: 1000000000/s}, concurrency: {max: 24, adaptive: true}, queue: {size: 64, max_wait: 200ms}}";
    let sidecar = Sidecar::start(&provider(&upstream, more)).await;
    let scripts = [
        Script::sse().chunk(chat::stream(&["hello"])).end(),
        Script::json(200, &chat::completion("hello")),
        Script::json(503, &serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}})),
        Script::json(429, &serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}})),
        Script::default().rst(),
        Script::sse().data(chat::role()).fin(),
        Script::sse().data(chat::text("cut")).rst(),
        Script::sse().data(chat::text("held")).never(),
        Script::silent(),
    ];
    // Their clients leave; a scripted silence ends no other way.
    let told = many(volume(MIXED), AT_ONCE, |n| {
        let (sidecar, upstream, script) = (&sidecar, &upstream, scripts[n % scripts.len()].clone());
        async move {
            upstream.script(script);
            let ask = Ask::new(format!("{n}"), n % 3 != 0);
            let mut client = sidecar.connect().await;
            ask.send(&mut client).await;
            match tokio::time::timeout(Duration::from_millis(150), client.try_answer()).await {
                Ok(_) | Err(_) => ask.left(),
            }
        }
    })
    .await;
    sidecar.wait_idle().await;
    for gauge in ["llm_concurrency_in_flight", "llm_queue_depth", "llm_active_requests"] {
        sidecar.wait_metric(gauge, 0.0).await;
    }
    tell("R11", format_args!("{} requests of every kind: nothing is lent any more", told.len()));
    upstream.always(Script::json(200, &chat::completion("hello")));
}

#[tokio::test]
async fn r15_clients_that_leave_close_no_breaker_and_move_no_limit() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    upstream.always(Script::sse().data(chat::role()).data(chat::text("hello")).never());
    let more = "breaker: {consecutive_failures: 3, min_requests: 5, failure_ratio: 10%, open: 30s..60s}, limit: {concurrency: {max: 100, adaptive: true}}";
    let sidecar = Sidecar::start(&provider(&upstream, more)).await;
    let told = many(volume(CANCELS), 16, |n| {
        let sidecar = &sidecar;
        async move {
            let ask = Ask::new(format!("{n}"), true);
            let mut client = sidecar.connect().await;
            ask.send(&mut client).await;
            // A third of them before anything has come.
            if n % 3 != 0 {
                client.head().await;
            }
            if n % 3 == 1 {
                let _ = client.piece().await;
            }
            ask.left()
        }
    })
    .await;
    sidecar.wait_idle().await;
    assert_eq!(sidecar.metric("llm_circuit_breaker_state").await, 0.0);
    assert_eq!(sidecar.metric("llm_circuit_breaker_transitions_total").await, 0.0);
    assert!(sidecar.metric("llm_concurrency_limit").await >= 20.0);
    tell("R15", format_args!("{} clients left: the breaker is closed, the limit did not fall", told.len()));
    invariants::check(&sidecar, &[&upstream], &told).await;
}

#[tokio::test]
async fn r13_an_upstream_that_comes_and_goes_is_always_found_again() {
    let _turn = turn::alone().await;
    let upstream = Upstream::start().await;
    let more = "retry: {attempts: 1}, breaker: {consecutive_failures: 3, open: 50ms..200ms}";
    let sidecar = Sidecar::start(&provider(&upstream, more)).await;
    let mut told = Vec::new();
    let mut longest = Duration::ZERO;
    for round in 0..volume(100) {
        upstream.always(Script::json(500, &serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}})));
        for n in 0..6 {
            told.push(Ask::new(format!("{round}-down-{n}"), false).of(&sidecar).await);
        }
        upstream.always(Script::json(200, &chat::completion("hello")));
        let healthy = Instant::now();
        for n in 0.. {
            let answer = Ask::new(format!("{round}-up-{n}"), false).of(&sidecar).await;
            let is_back = answer.status() == 200;
            told.push(answer);
            if is_back {
                break;
            }
            assert!(healthy.elapsed() < Duration::from_secs(5), "the breaker is stuck");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        longest = longest.max(healthy.elapsed());
    }
    tell("R13", format_args!("{} outages: found again after {longest:?} at the longest", volume(100)));
    // The longest open time with its jitter, and the machine's own slowness.
    assert!(longest < Duration::from_millis(240) + Duration::from_millis(500), "{longest:?}");
    invariants::check(&sidecar, &[&upstream], &told).await;
}

/// At this rate and for so long (a part of it, unless all is asked for), with and without a breaker.
#[tokio::test]
async fn r16_an_outage_is_not_multiplied_by_retries() {
    let _turn = turn::alone().await;
    for breaker in ["enabled: true", "enabled: false"] {
        let upstream = Upstream::start().await;
        upstream.always(Script::json(503, &serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}})));
        let sidecar = Sidecar::start(&provider(&upstream, &format!("retry: {{backoff: 1ms..20ms}}, breaker: {{{breaker}}}"))).await;
        let rounds = volume(OUTAGE_SECONDS * 10).max(20);
        let started = Instant::now();
        let mut told = Vec::new();
        for round in 0..rounds {
            let each = OUTAGE_RATE / 10;
            told.extend(many(each, each, |n| Ask::new(format!("{round}-{n}"), false).of(&sidecar)).await);
            tokio::time::sleep_until(started + Duration::from_millis(100) * (round as u32 + 1)).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        let attempts = upstream.requests().len();
        // Beyond a fifth, thirty in ten seconds are always allowed.
        let most = 1.2 * told.len() as f64 + 30.0 * (seconds / 10.0).ceil();
        tell("R16", format_args!("breaker {breaker}: {} requests in {seconds:.1} s, {attempts} attempts", told.len()));
        assert!(attempts as f64 <= most, "breaker {breaker}: {attempts} attempts for {} requests", told.len());
        if breaker == "enabled: true" {
            assert!(attempts <= told.len() / 5 + 50, "the breaker did not help: {attempts} attempts for {} requests", told.len());
        }
        assert!(told.iter().all(|told| told.status() == 503));
        invariants::check(&sidecar, &[&upstream], &told).await;
    }
}
