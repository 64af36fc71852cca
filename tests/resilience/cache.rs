//! A response cache beside limits, strategies and the last resort.

use serde_json::Value;

use crate::support::client::Answer;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::Upstream;
use crate::{provider, refusal, request, stream, whole};

/// A request that may be answered from the cache.
fn cold(stream: bool) -> Value {
    let mut body = request("chat", stream);
    body["temperature"] = 0.into();
    body
}

fn result(answer: &Answer) -> Option<&str> {
    answer.head.header("x-llm-cache")
}

#[tokio::test]
async fn a_kept_answer_counts_against_the_clients_limit_and_no_upstreams() {
    let upstream = Upstream::start().await;
    upstream.always(whole("hello"));
    let yaml = format!(
        "providers:\n{}models:\n  chat: {{targets: [{{provider: vendor, model: m}}], cache: {{}}}}\n\
         clients:\n  - {{name: a, key: client-key-of-team-a, limit: {{requests: {{rate: 4/min}}}}}}\n",
        provider("vendor", &upstream, ", limit: {requests: {rate: 1/min}}")
    );
    let sidecar = Sidecar::start(&yaml).await;
    let key = [("authorization", "Bearer client-key-of-team-a")];
    for expected in ["miss", "hit", "hit", "hit"] {
        let answer = sidecar.post_with("/v1/chat/completions", &key, &cold(false)).await;
        assert_eq!((answer.status(), result(&answer)), (200, Some(expected)), "{}", answer.text());
    }
    let refused = sidecar.post_with("/v1/chat/completions", &key, &cold(false)).await;
    assert_eq!((refused.status(), result(&refused)), (429, None));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_answer_of_the_last_resort_is_not_kept() {
    let (main, other) = (Upstream::start().await, Upstream::start().await);
    other.always(stream("from the last resort"));
    for degraded in ["{answer: Please come back later.}", "{provider: other, model: m}"] {
        let yaml = format!(
            "providers:\n{}{}models:\n  chat: {{targets: [{{provider: main, model: m}}], degraded: {degraded}, cache: {{}}}}\n",
            provider("main", &main, ", retry: {attempts: 1}"),
            provider("other", &other, "")
        );
        let sidecar = Sidecar::start(&yaml).await;
        main.script(refusal(503, &[]));
        let answer = sidecar.chat(&cold(true)).await;
        answer.assert_whole();
        assert_eq!((answer.head.header("x-llm-degraded"), result(&answer)), (Some("true"), Some("miss")));
        main.script(stream("from the target"));
        for expected in ["miss", "hit"] {
            let answer = sidecar.chat(&cold(true)).await;
            assert_eq!((answer.streamed_text().as_str(), result(&answer)), ("from the target", Some(expected)));
            assert_eq!(answer.head.header("x-llm-degraded"), None);
        }
    }
}

#[tokio::test]
async fn each_target_has_answers_of_its_own() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.always(stream("first"));
    second.always(stream("second"));
    let yaml = format!(
        "providers:\n{}{}models:\n  chat: {{strategy: round_robin, targets: [{{provider: a, model: m}}, {{provider: b, model: m}}], cache: {{}}}}\n",
        provider("a", &first, ""),
        provider("b", &second, "")
    );
    let sidecar = Sidecar::start(&yaml).await;
    for (text, expected) in [("first", "miss"), ("second", "miss"), ("first", "hit"), ("second", "hit")] {
        let answer = sidecar.chat(&cold(true)).await;
        answer.assert_whole();
        assert_eq!((answer.streamed_text().as_str(), result(&answer)), (text, Some(expected)));
    }
    assert_eq!((first.count(), second.count()), (1, 1));
}
