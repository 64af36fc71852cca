//! How the first target is chosen.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::{provider, request, stream, whole};

struct Three {
    upstreams: Vec<Upstream>,
    sidecar: Sidecar,
}

const NAMES: [&str; 3] = ["a", "b", "c"];

async fn three(strategy: &str, weights: [u32; 3], more: &str) -> Three {
    let mut upstreams = Vec::new();
    let (mut providers, mut targets) = (String::new(), Vec::new());
    for (name, weight) in NAMES.iter().zip(weights) {
        let upstream = Upstream::start().await;
        upstream.always(stream(name));
        providers += &provider(name, &upstream, "");
        let weight = if strategy == "weighted" { format!(", weight: {weight}") } else { String::new() };
        targets.push(format!("{{provider: {name}, model: m{weight}}}"));
        upstreams.push(upstream);
    }
    let yaml = format!(
        "providers:\n{providers}models:\n  chat: {{strategy: {strategy}, targets: [{}]{more}}}\n\
         prices: {{overrides: {{a/m: {{input: 3, output: 9}}, c/m: {{input: 1, output: 2}}}}}}\n",
        targets.join(", ")
    );
    let sidecar = Sidecar::start(&yaml).await;
    Three { upstreams, sidecar }
}

impl Three {
    async fn by(&self, body: &serde_json::Value) -> String {
        let answer = self.sidecar.chat(body).await;
        answer.head.header("x-llm-provider").unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
    }

    async fn counts(&self, requests: usize) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for _ in 0..requests {
            *counts.entry(self.by(&request("chat", true)).await).or_default() += 1;
        }
        counts
    }
}

#[tokio::test]
async fn round_robin_takes_turns() {
    let counts = three("round_robin", [1, 1, 1], "").await.counts(9).await;
    assert!(NAMES.iter().all(|name| counts.get(*name) == Some(&3)), "{counts:?}");
}

#[tokio::test]
async fn weights_are_shares_and_a_weight_of_nothing_is_none() {
    let counts = three("weighted", [9, 1, 0], "").await.counts(200).await;
    let of = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert!((150..=197).contains(&of("a")) && (3..=50).contains(&of("b")) && of("c") == 0, "{counts:?}");
}

#[tokio::test]
async fn the_cheapest_comes_first_and_one_without_a_price_last() {
    let three = three("cheapest", [1, 1, 1], "").await;
    assert_eq!(three.by(&request("chat", true)).await, "c");
    three.upstreams[2].script(crate::refusal(500, &[]));
    assert_eq!(three.by(&request("chat", true)).await, "a");
}

#[tokio::test]
async fn the_least_busy_has_the_fewest_requests_under_way() {
    let three = three("least_busy", [1, 1, 1], "").await;
    let mut held = Vec::new();
    for _ in 0..6 {
        three.upstreams.iter().for_each(|upstream| upstream.always(Script::sse().data(chat::text("x")).never()));
        let mut client = three.sidecar.connect().await;
        client.post("/v1/chat/completions", &request("chat", true)).await;
        assert_eq!(client.head().await.status, 200);
        held.push(client);
    }
    let counts: Vec<usize> = three.upstreams.iter().map(|upstream| upstream.requests().len()).collect();
    assert_eq!(counts, [2, 2, 2]);
}

#[tokio::test]
async fn the_least_latency_avoids_the_slow() {
    let three = three("least_latency", [1, 1, 1], "").await;
    three.upstreams[0].always(Script::default().pause(Duration::from_millis(60)).followed_by(&stream("a")));
    let counts = three.counts(60).await;
    let slow = counts.get("a").copied().unwrap_or(0);
    // Once it is known to be slow it loses every draw against another one.
    assert!(slow <= 6, "{counts:?}");
}

#[tokio::test]
async fn a_conversation_stays_and_comes_back() {
    for strategy in ["round_robin", "weighted", "least_busy"] {
        let three = three(strategy, [1, 1, 1], ", sticky: true").await;
        let mut seen = HashMap::new();
        for user in 0..12 {
            let mut body = request("chat", true);
            body["prompt_cache_key"] = format!("conversation-{user}").into();
            let first = three.by(&body).await;
            for _ in 0..3 {
                assert_eq!(three.by(&body).await, first, "{strategy}");
            }
            // While its target fails, another one serves; then it comes back.
            let index = NAMES.iter().position(|name| *name == first).unwrap();
            three.upstreams[index].script(crate::refusal(500, &[]));
            assert_ne!(three.by(&body).await, first);
            assert_eq!(three.by(&body).await, first, "{strategy}");
            *seen.entry(first).or_insert(0) += 1;
        }
        assert!(seen.len() > 1, "{strategy}: {seen:?}");
    }
}

#[tokio::test]
async fn a_session_header_goes_before_what_the_body_says() {
    let three = three("round_robin", [1, 1, 1], ", sticky: true").await;
    let mut by = Vec::new();
    for turn in 0..6 {
        let mut body = request("chat", true);
        body["user"] = json!(format!("user-{turn}"));
        let answer = three.sidecar.post_with("/v1/chat/completions", &[("x-llm-session", "s-1")], &body).await;
        by.push(answer.head.header("x-llm-provider").unwrap().to_owned());
    }
    assert!(by.iter().all(|name| *name == by[0]), "{by:?}");
}

#[tokio::test]
async fn a_bare_model_name_has_no_strategy_and_works() {
    let upstream = Upstream::start().await;
    upstream.always(whole("hello"));
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, ""))).await;
    assert_eq!(sidecar.chat(&request("m", false)).await.status(), 200);
}
