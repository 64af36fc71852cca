//! Several keys of one provider: spread over, and left alone when the vendor refuses one.

use std::collections::HashMap;

use crate::support::chat;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::Upstream;
use crate::{provider, refusal, request, whole};

async fn pool(more: &str) -> (Upstream, Sidecar) {
    let upstream = Upstream::start().await;
    let more = format!(", api_keys: [sk-canary-one, sk-canary-two, sk-canary-three]{more}");
    let alias = "models:\n  chat: {targets: [{provider: vendor, model: m}], sticky: true}\n";
    let sidecar = Sidecar::start(&format!("providers:\n{}{alias}", provider("vendor", &upstream, &more))).await;
    (upstream, sidecar)
}

fn keys(upstream: &Upstream) -> Vec<String> {
    upstream.requests().iter().map(|seen| seen.header("authorization").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn requests_are_spread_over_the_keys() {
    let (upstream, sidecar) = pool("").await;
    upstream.always(whole("hello"));
    for _ in 0..9 {
        assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    keys(&upstream).into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    assert_eq!((counts.len(), counts.values().copied().max()), (3, Some(3)), "{counts:?}");
}

#[tokio::test]
async fn a_key_that_is_refused_is_replaced_at_once_and_left_alone() {
    for (status, code) in [(401, None), (403, None), (402, None), (429, Some("insufficient_quota")), (429, None)] {
        let (upstream, sidecar) = pool("").await;
        let error = serde_json::json!({"error": {"message": "no", "type": code, "param": null, "code": code}}).to_string();
        let length = error.len().to_string();
        let headers = [("content-type", "application/json"), ("content-length", length.as_str()), ("retry-after", "60")];
        upstream.script(crate::support::upstream::Script::head(status, &headers).raw(&error));
        upstream.always(whole("hello"));
        let answer = sidecar.chat(&chat::request(false)).await;
        assert_eq!((answer.status(), answer.head.header("x-llm-attempts")), (200, Some("2")), "{status} {code:?}");
        for _ in 0..6 {
            assert_eq!(sidecar.chat(&chat::request(false)).await.head.header("x-llm-attempts"), Some("1"));
        }
        let keys = keys(&upstream);
        let refused = &keys[0];
        assert_eq!(keys.iter().filter(|key| *key == refused).count(), 1, "{status} {code:?}: {keys:?}");
    }
}

#[tokio::test]
async fn the_only_key_is_used_all_the_same() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&format!("providers:\n{}", provider("vendor", &upstream, ", retry: {attempts: 1}"))).await;
    for status in [401, 402, 429] {
        upstream.script(refusal(status, &[("retry-after", "60")]));
        let answer = sidecar.chat(&chat::request(false)).await;
        assert_eq!(answer.status(), status);
        assert!(!answer.text().contains("canary"));
        // What the vendor says of one request need not be true of the next.
        upstream.script(whole("hello"));
        assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 200);
    }
}

#[tokio::test]
async fn a_conversation_stays_with_one_key() {
    let (upstream, sidecar) = pool("").await;
    upstream.always(whole("hello"));
    for session in 0..12 {
        for turn in 0..3 {
            let mut body = request("chat", false);
            body["user"] = format!("user-{session}").into();
            body["messages"].as_array_mut().unwrap().push(serde_json::json!({"role": "assistant", "content": format!("turn {turn}")}));
            assert_eq!(sidecar.chat(&body).await.status(), 200);
        }
    }
    let keys = keys(&upstream);
    assert!(keys.chunks(3).all(|turns| turns.iter().all(|key| key == &turns[0])), "{keys:?}");
    let mut distinct = keys.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
}
