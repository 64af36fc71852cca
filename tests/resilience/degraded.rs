//! What serves when every target is down, and copies for a target that does not serve at all.

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{provider, refusal, request, stream, whole};

async fn start(route: &str) -> (Upstream, Upstream, Sidecar) {
    let (main, other) = (Upstream::start().await, Upstream::start().await);
    let yaml = format!(
        "providers:\n{}{}models:\n  chat: {{targets: [{{provider: main, model: m}}], {route}}}\n",
        provider("main", &main, ", retry: {attempts: 1}, breaker: {consecutive_failures: 2, open: 30s..60s}"),
        provider("other", &other, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    (main, other, sidecar)
}

#[tokio::test]
async fn a_cheaper_target_serves_when_all_others_are_down() {
    let (main, other, sidecar) = start("degraded: {provider: other, model: m}").await;
    other.always(stream("from the last resort"));
    // Down by failures, then by an open breaker.
    for script in [refusal(503, &[]), Script::default().rst()] {
        main.script(script);
        let answer = sidecar.chat(&request("chat", true)).await;
        assert_eq!(answer.streamed_text(), "from the last resort");
        assert_eq!(answer.head.header("x-llm-degraded"), Some("true"));
        assert_eq!(answer.head.header("x-llm-attempts"), Some("2"));
    }
    let answer = sidecar.chat(&request("chat", true)).await;
    assert_eq!((answer.head.header("x-llm-degraded"), answer.head.header("x-llm-attempts")), (Some("true"), Some("1")));
    assert_eq!(main.requests().len(), 2);
    assert_eq!(sidecar.metric("llm_degraded_answers_total{model=\"chat\"}").await, 3.0);
    // The line of the access log says so, too.
    let id = answer.head.header("x-request-id").unwrap().to_owned();
    assert_eq!(sidecar.access(&id).await["degraded"], true);
}

#[tokio::test]
async fn a_fixed_answer_is_whole_in_every_dialect_and_form() {
    let (main, _other, sidecar) = start("degraded: {answer: Please come back later.}").await;
    main.always(refusal(503, &[]));
    let answer = sidecar.chat(&request("chat", true)).await;
    answer.assert_whole();
    assert_eq!(answer.streamed_text(), "Please come back later.");
    let answer = sidecar.chat(&request("chat", false)).await;
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Please come back later.");
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "stop");
    let mut body = chat::messages(false);
    body["model"] = "chat".into();
    let answer = sidecar.post_with("/v1/messages", &[("anthropic-version", "2023-06-01")], &body).await;
    assert_eq!((answer.status(), &answer.json()["content"][0]["text"]), (200, &json!("Please come back later.")));
    body["stream"] = true.into();
    let answer = sidecar.post_with("/v1/messages", &[("anthropic-version", "2023-06-01")], &body).await;
    assert!(answer.text().contains("Please come back later.") && answer.text().contains("message_stop"), "{}", answer.text());
    assert_eq!(answer.head.header("x-llm-degraded"), Some("true"));
}

#[tokio::test]
async fn a_request_that_is_wrong_is_not_answered_by_the_last_resort() {
    let (main, _other, sidecar) = start("degraded: {answer: Please come back later.}").await;
    for status in [400, 401, 422] {
        main.script(refusal(status, &[]));
        let answer = sidecar.chat(&request("chat", false)).await;
        assert_eq!((answer.status(), answer.head.header("x-llm-degraded")), (status, None));
    }
    main.script(whole("hello"));
    assert_eq!(sidecar.chat(&request("chat", false)).await.head.header("x-llm-degraded"), None);
}

#[tokio::test]
async fn when_the_last_resort_fails_too_the_first_error_is_told() {
    let (main, other, sidecar) = start("degraded: {provider: other, model: m}").await;
    main.always(refusal(503, &[]));
    other.always(refusal(500, &[]));
    assert_eq!(sidecar.chat(&request("chat", true)).await.status(), 503);
}

#[tokio::test]
async fn copies_go_to_the_mirror_and_their_answers_nowhere() {
    let (main, other, sidecar) = start("mirror: {provider: other, model: m}").await;
    main.always(stream("the answer"));
    // Whatever the mirror does, nobody notices.
    for script in [stream("a copy"), whole("a copy"), refusal(500, &[]), Script::default().rst(), Script::sse().data(chat::text("x")).fin()]
    {
        other.script(script);
        let answer = sidecar.chat(&request("chat", true)).await;
        assert_eq!((answer.streamed_text().as_str(), answer.head.header("x-llm-attempts")), ("the answer", Some("1")));
    }
    other.wait_requests(5).await;
    sidecar.wait_metric("llm_mirrored_requests_total{result=\"ok\"}", 2.0).await;
    sidecar.wait_metric("llm_mirrored_requests_total{result=\"error\"}", 3.0).await;
    // The copy is the request itself, but for the model's name.
    assert_eq!(other.requests()[0].json()["messages"], main.requests()[0].json()["messages"]);
    // A silent mirror holds nothing up.
    other.always(Script::silent());
    sidecar.chat(&request("chat", true)).await.assert_whole();
}

#[tokio::test]
async fn only_a_part_is_copied_where_that_is_asked_for() {
    let (main, other, sidecar) = start("mirror: {provider: other, model: m, sample: 20%}").await;
    main.always(whole("hello"));
    other.always(whole("copy"));
    for _ in 0..200 {
        assert_eq!(sidecar.chat(&request("chat", false)).await.status(), 200);
    }
    let copies = other.requests().len();
    assert!((15..=70).contains(&copies), "{copies} of 200");
}
