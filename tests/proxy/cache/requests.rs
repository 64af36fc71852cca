//! Which requests are the same, and which go past the cache.

use serde_json::{Value, json};

use super::{CACHED, assert_result, counting, request, result, wait_results};
use crate::support::sidecar::{Sidecar, provider};

/// Path, headers and body.
type Ask<'a> = (&'a str, &'a [(&'a str, &'a str)], Value);

#[tokio::test]
async fn every_difference_makes_another_request() {
    let upstream = counting().await;
    let more = "models:\n  cached: {targets: [{provider: vendor, model: m}], cache: {}}\n  second: {targets: [{provider: vendor, model: m}], cache: {}}\n\
                clients:\n  - {name: a, key: client-key-of-team-a}\n  - {name: b, key: client-key-of-team-b}\n  - {name: c, key: client-key-of-team-c, models: [other]}";
    let sidecar = Sidecar::before(&upstream, more).await;
    let (a, b, c) = (
        ("authorization", "Bearer client-key-of-team-a"),
        ("authorization", "Bearer client-key-of-team-b"),
        ("authorization", "Bearer client-key-of-team-c"),
    );
    let mut model = request(false);
    model["model"] = json!("second");
    let mut text = request(false);
    text["messages"][0]["content"] = json!("hello!");
    let mut order = json!({"temperature": 0});
    for (name, value) in request(false).as_object().unwrap() {
        order[name] = value.clone();
    }
    const PATH: &str = "/v1/chat/completions";
    let requests: [Ask<'_>; 8] = [
        (PATH, &[a], request(false)),
        (PATH, &[b], request(false)),
        (PATH, &[a], model),
        (PATH, &[a], text),
        (PATH, &[a], order),
        (PATH, &[a], request(true)),
        (PATH, &[a, ("openai-beta", "assistants=v2")], request(false)),
        ("/openai/v1/chat/completions", &[a], request(false)),
    ];
    let mut answers = Vec::new();
    for (path, headers, body) in &requests {
        let answer = sidecar.post_with(path, headers, body).await;
        assert_result(&answer, "miss");
        answers.push(answer.text());
    }
    for ((path, headers, body), first) in requests.iter().zip(&answers) {
        let again = sidecar.post_with(path, headers, body).await;
        assert_result(&again, "hit");
        assert_eq!(again.text(), *first);
    }
    assert_eq!(upstream.count(), requests.len());
    // Headers that only name the exchange make no difference.
    let traced = [a, ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-client-request-id", "1")];
    assert_result(&sidecar.post_with(PATH, &traced, &request(false)).await, "hit");
    // Who may not ask for the model gets no kept answer either, nor does anyone without a key.
    let refused = sidecar.post_with(PATH, &[c], &request(false)).await;
    refused.assert_error(403, "permission_error", "model_not_allowed");
    assert_eq!(result(&refused), None);
    assert_eq!(sidecar.chat(&request(false)).await.status(), 401);
    wait_results(&sidecar, requests.len() + 1, requests.len(), 0, 0).await;
}

#[tokio::test]
async fn callers_without_names_are_told_apart_by_the_key_they_send_on() {
    let upstream = counting().await;
    let yaml = provider("openai_compatible", &upstream, CACHED).replace("api_key: sk-canary-0123456789", "auth: forward");
    let sidecar = Sidecar::start(&yaml).await;
    for (key, expected) in [("one", "miss"), ("two", "miss"), ("one", "hit"), ("two", "hit")] {
        let answer = sidecar.post_with("/v1/chat/completions", &[("authorization", &format!("Bearer {key}"))], &request(false)).await;
        assert_result(&answer, expected);
    }
    let keys: Vec<_> = upstream.requests().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(keys, ["Bearer one", "Bearer two"]);
}

#[tokio::test]
async fn what_is_not_deterministic_goes_past_unless_the_route_says_any() {
    let upstream = counting().await;
    let more = "models:\n  cached: {targets: [{provider: vendor, model: m}], cache: {}}\n  \
                any: {targets: [{provider: vendor, model: m}], cache: {any: true}}\n  plain: {targets: [{provider: vendor, model: m}]}";
    let sidecar = Sidecar::before(&upstream, more).await;
    let mut warm = request(false);
    warm["temperature"] = json!(0.7);
    let mut several = request(false);
    several["n"] = json!(2);
    let mut silent = request(false);
    silent.as_object_mut().unwrap().remove("temperature");
    for body in [&warm, &several, &silent] {
        for _ in 0..2 {
            assert_result(&sidecar.chat(body).await, "bypass");
        }
        let mut any = body.clone();
        any["model"] = json!("any");
        assert_result(&sidecar.chat(&any).await, "miss");
        assert_result(&sidecar.chat(&any).await, "hit");
    }
    let mut plain = request(false);
    for model in ["plain", "vendor/m"] {
        plain["model"] = json!(model);
        for _ in 0..2 {
            assert_eq!(result(&sidecar.chat(&plain).await), None, "{model}");
        }
    }
    assert_eq!(upstream.count(), 6 + 3 + 4);
    wait_results(&sidecar, 3, 3, 0, 6).await;
    let mut tools = request(false);
    tools["tools"] = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    assert_result(&sidecar.chat(&tools).await, "miss");
    assert_result(&sidecar.chat(&tools).await, "hit");
}

#[tokio::test]
async fn a_client_can_ask_anew_and_leave_no_trace() {
    let upstream = counting().await;
    let sidecar = Sidecar::before(&upstream, CACHED).await;
    let ask = async |control: &str| {
        let answer = sidecar.post_with("/v1/chat/completions", &[("cache-control", control)], &request(false)).await;
        let text = answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
        (result(&answer).unwrap().to_owned(), text)
    };
    let told = |result: &str, text: &str| (result.to_owned(), text.to_owned());
    assert_eq!(ask("no-store").await, told("bypass", "answer 1"));
    assert_eq!(ask("max-age=60").await, told("miss", "answer 2"));
    assert_eq!(ask("no-store").await, told("bypass", "answer 3"));
    assert_eq!(ask("max-age=60").await, told("hit", "answer 2"));
    // The new answer takes the place of the kept one.
    assert_eq!(ask("No-Cache").await, told("bypass", "answer 4"));
    assert_eq!(ask("max-age=60").await, told("hit", "answer 4"));
    wait_results(&sidecar, 2, 1, 0, 3).await;
}
