//! Limits over time and at once, of upstreams and of clients (R11).

use futures_util::future::join_all;
use serde_json::json;

use crate::support::chat;
use crate::support::client::Client;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Gate, Script, Upstream};
use crate::{ADMIN, provider, refusal, request, stream, whole};

#[tokio::test]
async fn an_upstream_gets_no_more_requests_than_its_limit_and_the_client_is_told() {
    let upstream = Upstream::start().await;
    upstream.always(whole("hello"));
    let limit = ", limit: {requests: {rate: 3/min}}";
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, limit))).await;
    for _ in 0..3 {
        assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    }
    for stream in [false, true] {
        let answer = sidecar.chat(&chat::request(stream)).await;
        answer.assert_error(429, "rate_limit_error", "rate_limit_exceeded");
        let header = |name: &str| answer.head.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
        let seconds: u64 = header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&seconds), "{seconds}");
        let milliseconds: u64 = header("retry-after-ms").parse().unwrap();
        assert!(milliseconds <= seconds * 1000 && milliseconds + 1000 > seconds * 1000, "{milliseconds}");
        assert_eq!((header("x-ratelimit-limit-requests"), header("x-ratelimit-remaining-requests")), ("3".into(), "0".into()));
        assert!(header("x-ratelimit-reset-requests").ends_with('s'));
        // Waiting helps, so the SDK may try again by itself.
        assert_eq!(answer.head.header("x-should-retry"), None);
    }
    assert_eq!(upstream.requests().len(), 3);
    assert_eq!(sidecar.metric("llm_rate_limit_hits_total{scope=\"upstream\",name=\"vendor\",limit=\"requests\"}").await, 2.0);
    assert_eq!(sidecar.metric("llm_upstream_attempts_total").await, 3.0);
    assert_eq!(sidecar.metric("llm_errors_total{code=\"rate_limit_exceeded\"}").await, 2.0);
}

#[tokio::test]
async fn a_target_without_room_is_passed_over_without_an_attempt() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.always(stream("first"));
    second.always(stream("second"));
    let yaml = format!(
        "providers:\n{}{}models:\n  both: {{targets: [{{provider: a, model: m}}], fallback: [{{provider: b, model: m}}]}}\n",
        provider("a", &first, ", limit: {requests: {rate: 1/min, algorithm: sliding_window}}"),
        provider("b", &second, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    let answer = sidecar.chat(&request("both", true)).await;
    assert_eq!((answer.streamed_text().as_str(), answer.head.header("x-llm-attempts")), ("first", Some("1")));
    let answer = sidecar.chat(&request("both", true)).await;
    assert_eq!((answer.streamed_text().as_str(), answer.head.header("x-llm-attempts")), ("second", Some("1")));
}

#[tokio::test]
async fn a_clients_limit_is_charged_once_a_request_and_to_nobody_else() {
    let upstream = Upstream::start().await;
    let yaml = format!(
        "providers:\n{}clients:\n  - {{name: a, key: key-of-client-a, limit: {{requests: {{rate: 2/min}}}}}}\n  - {{name: b, key: key-of-client-b}}\n",
        provider("vendor", &upstream, ", retry: {backoff: 1ms..2ms}")
    );
    let sidecar = Sidecar::start(&yaml).await;
    let ask = async |key: &str| sidecar.post_with("/v1/chat/completions", &[("authorization", key)], &chat::request(false)).await;
    // Three attempts of one request.
    upstream.script(refusal(429, &[("retry-after-ms", "1")]));
    upstream.script(refusal(429, &[("retry-after-ms", "1")]));
    upstream.always(whole("hello"));
    assert_eq!(ask("Bearer key-of-client-a").await.head.header("x-llm-attempts"), Some("3"));
    assert_eq!(ask("Bearer key-of-client-a").await.status(), 200);
    ask("Bearer key-of-client-a").await.assert_error(429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(upstream.requests().len(), 4);
    for _ in 0..3 {
        assert_eq!(ask("Bearer key-of-client-b").await.status(), 200);
    }
    // What is refused for what it says costs nothing.
    assert_eq!(sidecar.metric("llm_rate_limit_hits_total{scope=\"client\",name=\"a\",limit=\"requests\"}").await, 1.0);
}

/// The limit's view in the admin API.
async fn tokens_left(sidecar: &Sidecar) -> u64 {
    let mut client = Client::connect(sidecar.admin).await;
    client.send("GET /api/v1/limits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer viewer-token\r\n\r\n").await;
    let limits = client.answer().await.json();
    limits["upstreams"][0]["tokens"][0]["remaining"].as_u64().unwrap_or_else(|| panic!("{limits}"))
}

#[tokio::test]
async fn tokens_are_reserved_and_settled_by_the_vendors_count_streamed_or_not() {
    let upstream = Upstream::start().await;
    // So slow a refill that the test does not see it.
    let limit = ", limit: {tokens: {rate: 10000/d, algorithm: token_bucket}}";
    let sidecar = Sidecar::start(&format!("{ADMIN}providers:\n{}", provider("vendor", &upstream, limit))).await;
    upstream.script(whole("hello"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    assert_eq!(tokens_left(&sidecar).await, 10_000 - 8);
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 40, "completion_tokens": 60, "total_tokens": 100}});
    let gate = Gate::default();
    let begun = Script::sse().data(chat::role()).data(chat::text("hello")).gate(&gate);
    upstream.script(begun.data(chat::finish()).data(usage).data("[DONE]").end());
    let mut client = sidecar.connect().await;
    let mut body = chat::request(true);
    body["max_tokens"] = 3000.into();
    client.post("/v1/chat/completions", &body).await;
    client.head().await;
    // While the answer is under way its longest form is taken.
    let reserved = 9992 - tokens_left(&sidecar).await;
    assert!((3001..3200).contains(&reserved), "{reserved}");
    gate.open();
    client.rest().await;
    sidecar.wait_idle().await;
    assert_eq!(tokens_left(&sidecar).await, 9992 - 100);
    // A refused attempt costs none.
    upstream.script(refusal(400, &[]));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 400);
    assert_eq!(tokens_left(&sidecar).await, 9892);
    // A client that goes away pays for its prompt and what it got.
    upstream.script(Script::sse().data(chat::role()).data(chat::text(&"word ".repeat(80))).never());
    let mut client = sidecar.connect().await;
    client.post("/v1/chat/completions", &body).await;
    client.head().await;
    client.piece().await.unwrap();
    drop(client);
    sidecar.wait_idle().await;
    let paid = 9892 - tokens_left(&sidecar).await;
    assert!((100..200).contains(&paid), "{paid}");
}

#[tokio::test]
async fn a_request_larger_than_the_limit_is_refused_for_good() {
    let upstream = Upstream::start().await;
    upstream.always(whole("hello"));
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, ", limit: {tokens: {rate: 500/min}}"))).await;
    let mut body = chat::request(false);
    body["max_tokens"] = 501.into();
    sidecar.chat(&body).await.assert_error(400, "invalid_request_error", "exceeds_token_limit");
    assert_eq!(upstream.requests().len(), 0);
    // An answer's length that nobody asked for does not count as too large.
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed_whatever_becomes_of_them() {
    let upstream = Upstream::start().await;
    let limit = ", limit: {concurrency: {max: 2}}, breaker: {enabled: false}";
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, limit))).await;
    let held = Script::sse().data(chat::role()).data(chat::text("hello")).never();
    for _ in 0..5 {
        let mut clients = Vec::new();
        for _ in 0..2 {
            upstream.script(held.clone());
            let mut client = sidecar.connect().await;
            client.post("/v1/chat/completions", &chat::request(true)).await;
            assert_eq!(client.head().await.status, 200);
            clients.push(client);
        }
        sidecar.chat(&chat::request(true)).await.assert_error(429, "rate_limit_error", "rate_limit_exceeded");
        assert_eq!(sidecar.metric("llm_concurrency_in_flight{scope=\"upstream\",name=\"vendor\"}").await, 2.0);
        drop(clients);
        sidecar.wait_metric("llm_concurrency_in_flight{scope=\"upstream\",name=\"vendor\"}", 0.0).await;
    }
    // Errors, cuts and whole answers give their places back, too.
    for script in [refusal(500, &[]), Script::default().rst(), Script::sse().data(chat::text("x")).fin(), stream("hello"), whole("hello")] {
        for _ in 0..3 {
            upstream.script(script.clone());
            sidecar.chat(&chat::request(true)).await;
        }
    }
    sidecar.wait_metric("llm_concurrency_in_flight{scope=\"upstream\",name=\"vendor\"}", 0.0).await;
}

#[tokio::test]
async fn what_a_vendor_says_of_its_limits_lowers_the_own_view() {
    let upstream = Upstream::start().await;
    let limit = ", limit: {requests: {rate: 100/h}}, model_limits: {m: {tokens: {rate: 100000/h}}}";
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, limit))).await;
    let body = chat::completion("hello").to_string();
    let length = body.len().to_string();
    let head =
        |name, value| Script::head(200, &[("content-type", "application/json"), ("content-length", &length), (name, value)]).raw(&body);
    // More than is thought to be left raises nothing.
    upstream.script(head("x-ratelimit-remaining-requests", "1000000"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    upstream.script(head("x-ratelimit-remaining-requests", "1"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    upstream.script(head("x-ratelimit-remaining-tokens", "3"));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    let answer = sidecar.chat(&chat::request(false)).await;
    answer.assert_error(429, "rate_limit_error", "rate_limit_exceeded");
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn limits_hold_for_what_is_passed_on_as_well() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &json!({"object": "list", "data": []})));
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, ", limit: {requests: {rate: 2/min}}"))).await;
    let body = json!({"model": "vendor/m", "input": "x"});
    let answers = join_all((0..5).map(|_| sidecar.post("/v1/embeddings", &body))).await;
    let passed = answers.iter().filter(|answer| answer.status() == 200).count();
    assert_eq!((passed, upstream.requests().len()), (2, 2));
    assert!(answers.iter().all(|answer| matches!(answer.status(), 200 | 429)));
}

#[tokio::test]
async fn an_adaptive_limit_falls_while_the_vendor_refuses_and_never_for_clients_that_leave() {
    let upstream = Upstream::start().await;
    let more = ", limit: {concurrency: {max: 50, adaptive: true}}, breaker: {enabled: false}, retry: {attempts: 1}";
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, more))).await;
    const LIMIT: &str = "llm_concurrency_limit{scope=\"upstream\",name=\"vendor\"}";
    assert_eq!(sidecar.metric(LIMIT).await, 20.0);
    for round in 1..=10 {
        upstream.script(Script::silent());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &chat::request(true)).await;
        upstream.wait_requests(round).await;
        drop(client);
    }
    sidecar.wait_idle().await;
    assert_eq!(sidecar.metric(LIMIT).await, 20.0);
    upstream.always(refusal(429, &[]));
    for _ in 0..20 {
        sidecar.chat(&chat::request(true)).await;
    }
    let fallen = sidecar.metric(LIMIT).await;
    // A burst of refusals is one sign, not many.
    assert!((10.0..20.0).contains(&fallen), "{fallen}");
}
