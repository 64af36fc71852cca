//! Which answers are kept, for how long, and how many.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{CACHED, answer, assert_result, counting, request, result, wait_results};
use crate::support::client::End;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, within};

#[tokio::test]
async fn an_answer_is_asked_for_anew_when_it_is_too_old() {
    let upstream = counting().await;
    let sidecar = Sidecar::before(&upstream, &CACHED.replace("cache: {}", "cache: {ttl: 1s}")).await;
    let started = Instant::now();
    assert_result(&sidecar.chat(&request(true)).await, "miss");
    let mut hits = 0;
    within("the kept answer to be too old", async {
        while result(&sidecar.chat(&request(true)).await) == Some("hit") {
            hits += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(hits > 0 && started.elapsed() >= Duration::from_secs(1), "{hits} hits, {:?}", started.elapsed());
    assert_eq!(upstream.count(), 2);
    assert_result(&sidecar.chat(&request(true)).await, "hit");
}

#[tokio::test]
async fn only_a_whole_answer_of_the_right_model_is_kept() {
    let (upstream, second) = (Upstream::start().await, counting().await);
    let more = format!(
        "  second: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: k, models: [m]}}\n\
         models:\n  cached: {{targets: [{{provider: vendor, model: m}}], cache: {{}}}}\n  \
         both: {{targets: [{{provider: vendor, model: m}}], fallback: [{{provider: second, model: m}}], cache: {{}}}}",
        second.address
    );
    let yaml = provider("openai_compatible", &upstream, &more).replace("attempts: 1", "attempts: 2, backoff: 1ms..2ms");
    let sidecar = Sidecar::start(&yaml).await;
    let begun = Script::sse().data(chat::role()).data(chat::text("hello"));
    let error = json!({"error": {"message": "overloaded", "type": "server_error", "param": null, "code": "overloaded"}});
    for (what, script) in [
        ("reset", begun.clone().rst()),
        ("cut", begun.clone().end()),
        ("an error inside", begun.clone().data(&error).end()),
        ("an error at once", Script::json(500, &error)),
        ("not JSON", begun.clone().data("{").end()),
    ] {
        upstream.script(script);
        let broken = sidecar.chat(&request(true)).await;
        assert_eq!(result(&broken), Some("miss"), "{what}: {}", broken.text());
        assert!(!broken.text().contains("[DONE]"), "{what}");
        sidecar.wait_idle().await;
        sidecar.wait_metric("llm_cache_bytes", 0.0).await;
    }
    // The client goes away before the vendor has answered, and within the answer.
    for script in [Script::silent(), begun.never()] {
        let before = upstream.count();
        upstream.script(script.clone());
        let mut client = sidecar.connect().await;
        client.post("/v1/chat/completions", &request(true)).await;
        upstream.wait_requests(before + 1).await;
        drop(client);
        sidecar.wait_idle().await;
        sidecar.wait_metric("llm_cache_bytes", 0.0).await;
    }
    // A fallback's answer is not what was asked for.
    let mut both = request(true);
    both["model"] = json!("both");
    upstream.script(Script::json(500, &error));
    let fallback = sidecar.chat(&both).await;
    assert_eq!((result(&fallback), fallback.head.header("x-llm-provider")), (Some("miss"), Some("second")));
    upstream.script(answer("hello", true));
    assert_result(&sidecar.chat(&both).await, "miss");
    assert_result(&sidecar.chat(&both).await, "hit");
    upstream.script(answer("hello", true));
    assert_result(&sidecar.chat(&request(true)).await, "miss");
    assert_result(&sidecar.chat(&request(true)).await, "hit");
}

#[tokio::test]
async fn a_larger_answer_than_max_entry_is_not_kept() {
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, &format!("{CACHED}\ncache: {{max_bytes: 1MiB, max_entry: 16KiB}}")).await;
    for stream in [false, true] {
        for (size, second) in [(8 << 10, "hit"), (17 << 10, "miss")] {
            upstream.always(answer(&"x".repeat(size), stream));
            let mut body = request(stream);
            body["user"] = json!(format!("size {size}"));
            let first = sidecar.chat(&body).await;
            assert_result(&first, "miss");
            let again = sidecar.chat(&body).await;
            assert_result(&again, second);
            assert_eq!((again.text(), again.end), (first.text(), End::Clean));
        }
    }
}

#[tokio::test]
async fn the_bound_holds_over_a_thousand_answers() {
    const BOUND: f64 = 64.0 * 1024.0;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::before(&upstream, &format!("{CACHED}\ncache: {{max_bytes: 64KiB, max_entry: 16KiB}}")).await;
    let mut client = sidecar.connect().await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut body = request(false);
    for number in 0..1_000 {
        upstream.script(answer(&"x".repeat(random.usize(0..10_000)), number % 2 == 0));
        body["stream"] = json!(number % 2 == 0);
        body["user"] = json!(format!("user {number}"));
        client.post("/v1/chat/completions", &body).await;
        assert_result(&client.answer().await, "miss");
        if number % 50 == 0 {
            let bytes = sidecar.metric("llm_cache_bytes").await;
            assert!(bytes > 0.0 && bytes <= BOUND, "{bytes} after {number}");
        }
    }
    client.post("/v1/chat/completions", &body).await;
    assert_result(&client.answer().await, "hit");
    let bytes = sidecar.metric("llm_cache_bytes").await;
    assert!(bytes > BOUND / 2.0 && bytes <= BOUND, "{bytes}");
    wait_results(&sidecar, 1, 1_000, 0, 0).await;
}

#[tokio::test]
async fn a_reload_changes_bounds_and_keys() {
    let (upstream, second) = (counting().await, counting().await);
    let config = |target: &str, max_bytes: &str| {
        let more = format!(
            "  second: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: k, models: [m]}}\n\
             models: {{cached: {{targets: [{{provider: {target}, model: m}}], cache: {{}}}}}}\ncache: {{max_bytes: {max_bytes}, max_entry: 1KiB}}",
            second.address
        );
        provider("openai_compatible", &upstream, &more)
    };
    let sidecar = Sidecar::start(&config("vendor", "1MiB")).await;
    let reloaded = async |yaml: &str, count: f64| {
        sidecar.edit_by_rename(yaml);
        sidecar.wait_metric("llm_config_reloads_total{result=\"ok\"}", count).await;
    };
    assert_result(&sidecar.chat(&request(false)).await, "miss");
    assert_result(&sidecar.chat(&request(false)).await, "hit");
    reloaded(&config("second", "1MiB"), 1.0).await;
    let other = sidecar.chat(&request(false)).await;
    assert_result(&other, "miss");
    assert_eq!(other.head.header("x-llm-provider"), Some("second"));
    // What was kept before is still there.
    reloaded(&config("vendor", "2MiB"), 2.0).await;
    assert_result(&sidecar.chat(&request(false)).await, "hit");
    let kept = sidecar.metric("llm_cache_bytes").await;
    reloaded(&config("vendor", "2KiB"), 3.0).await;
    let left = sidecar.metric("llm_cache_bytes").await;
    assert!(kept > 0.0 && left <= 2048.0 && left <= kept, "{kept}, then {left}");
    assert_result(&sidecar.chat(&request(false)).await, "hit");
}
