//! The response cache: what is answered from it, what goes past it, what is kept, and requests that come at the same time.

mod flights;
mod kept;
mod replay;
mod requests;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::client::Answer;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};

const CACHED: &str = "models: {cached: {targets: [{provider: vendor, model: m}], cache: {}}}";
/// Headers that tell of one exchange only.
const OF_ONE_EXCHANGE: [(&str, &str); 2] = [("x-ratelimit-remaining-requests", "7"), ("openai-processing-ms", "12")];

/// A request that may be answered from the cache.
fn request(stream: bool) -> Value {
    let mut body = chat::request(stream);
    body["model"] = json!("cached");
    body["temperature"] = json!(0);
    body
}

/// A vendor whose every answer has a number of its own.
async fn counting() -> Upstream {
    let upstream = Upstream::start().await;
    let count = AtomicUsize::new(0);
    upstream.respond(move |seen| answer(&format!("answer {}", count.fetch_add(1, Ordering::Relaxed) + 1), seen.json()["stream"] == true));
    upstream
}

/// A vendor's answer.
fn answer(text: &str, stream: bool) -> Script {
    if stream {
        return Script::sse().chunk(chat::stream(&[text, " and", " more"])).end();
    }
    let body = chat::completion(text).to_string();
    let length = body.len().to_string();
    let headers = [("content-type", "application/json"), ("content-length", &length)];
    Script::head(200, &[&headers[..], &OF_ONE_EXCHANGE].concat()).raw(body)
}

fn result(answer: &Answer) -> Option<&str> {
    answer.head.header("x-llm-cache")
}

/// Demands an answer that says this of the cache.
#[track_caller]
fn assert_result(answer: &Answer, expected: &str) {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(result(answer), Some(expected), "{:?}", answer.head);
}

/// Waits until so many requests were answered in each way.
async fn wait_results(sidecar: &Sidecar, hit: usize, miss: usize, shared: usize, bypass: usize) {
    for (result, count) in [("hit", hit), ("miss", miss), ("shared", shared), ("bypass", bypass)] {
        sidecar.wait_metric(&format!("llm_cache_requests_total{{result=\"{result}\"}}"), count as f64).await;
    }
}
