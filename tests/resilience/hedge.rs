//! A second attempt beside a slow first one.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{provider, refusal, request, stream, whole};

async fn start(hedge: &str) -> (Upstream, Upstream, Sidecar) {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let yaml = format!(
        "providers:\n{}{}models:\n  chat: {{targets: [{{provider: a, model: m}}, {{provider: b, model: m}}], hedge: {{{hedge}}}}}\n",
        provider("a", &first, ""),
        provider("b", &second, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    (first, second, sidecar)
}

#[tokio::test]
async fn the_first_content_wins_and_the_other_attempt_ends() {
    let (first, second, sidecar) = start("after: 100ms, budget: 100%").await;
    first.always(Script::silent());
    second.always(stream("second"));
    for round in 1..=3 {
        let started = Instant::now();
        let answer = sidecar.chat(&request("chat", true)).await;
        answer.assert_whole();
        assert_eq!(answer.streamed_text(), "second");
        assert_eq!((answer.head.header("x-llm-provider"), answer.head.header("x-llm-attempts")), (Some("b"), Some("2")));
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        first.wait_closed(round).await;
    }
    sidecar.wait_idle().await;
    assert_eq!(sidecar.metric("llm_hedged_requests_total{result=\"won\"}").await, 3.0);
    // Losing a race is no failure.
    assert_eq!(sidecar.metric("llm_circuit_breaker_state").await, 0.0);
    assert_eq!(sidecar.metric("llm_upstream_attempts_total{provider=\"a\",class=\"client_cancel\"}").await, 3.0);
}

#[tokio::test]
async fn a_first_attempt_that_is_quick_enough_is_alone() {
    let (first, second, sidecar) = start("after: 2s").await;
    first.always(whole("first"));
    for _ in 0..3 {
        assert_eq!(sidecar.chat(&request("chat", false)).await.head.header("x-llm-attempts"), Some("1"));
    }
    assert_eq!(second.requests().len(), 0);
}

#[tokio::test]
async fn when_one_of_the_two_fails_the_other_still_answers() {
    let (first, second, sidecar) = start("after: 50ms, budget: 100%").await;
    first.script(Script::default().pause(Duration::from_millis(300)).followed_by(&stream("first")));
    second.script(refusal(500, &[]));
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!(answer.streamed_text(), "first");
    first.script(Script::default().pause(Duration::from_millis(150)).rst());
    second.script(Script::default().pause(Duration::from_millis(300)).followed_by(&stream("second")));
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!(answer.streamed_text(), "second");
}

#[tokio::test]
async fn hedges_are_held_to_their_budget() {
    let (first, second, sidecar) = start("after: 20ms, budget: 0%").await;
    first.always(Script::default().pause(Duration::from_millis(100)).followed_by(&stream("first")));
    second.always(stream("second"));
    for _ in 0..10 {
        sidecar.chat(&request("chat", true)).await.assert_whole();
    }
    // A few are always allowed, so that a small route has any use of it.
    let hedged = second.requests().len();
    assert!(hedged <= 3, "{hedged}");
    assert!(sidecar.metric("llm_hedged_requests_total{result=\"denied\"}").await >= 7.0);
}

#[tokio::test]
async fn the_95th_percentile_is_the_targets_own() {
    let (first, second, sidecar) = start("budget: 100%").await;
    first.always(stream("first"));
    second.always(stream("second"));
    for _ in 0..30 {
        sidecar.chat(&request("chat", true)).await.assert_whole();
    }
    let before = second.requests().len();
    first.always(Script::silent());
    let started = Instant::now();
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!(answer.streamed_text(), "second");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(second.requests().len(), before + 1);
}

#[tokio::test]
async fn a_hedge_is_an_attempt_like_any_other() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let yaml = format!(
        "providers:\n{}{}models:\n  chat: {{targets: [{{provider: a, model: m}}, {{provider: b, model: m}}], hedge: {{after: 20ms, budget: 100%}}}}\n",
        provider("a", &first, ", retry: {attempts: 1}"),
        provider("b", &second, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    first.always(Script::default().pause(Duration::from_millis(150)).followed_by(&stream("first")));
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!((answer.streamed_text().as_str(), answer.head.header("x-llm-attempts")), ("first", Some("1")));
    assert_eq!(second.requests().len(), 0);
}
