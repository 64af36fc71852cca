//! Budgets: what is reserved and settled, what a client is told, and that another target may be within its budget.

use serde_json::json;

use crate::agree::{records, start};
use crate::support::chat;
use crate::support::upstream::{Script, Upstream};

/// 5 tokens in and 3 out cost 5 + 3 units; a request without `max_tokens` reserves 1024 tokens of answer.
const PRICE: &str = "prices: {overrides: {vendor/m: {input: 1000000, output: 1000000}}}\nusage: {file: {path: usage.jsonl}}\n";

fn request() -> serde_json::Value {
    let mut request = chat::request(false);
    request["max_tokens"] = 3.into();
    request
}

#[tokio::test]
async fn a_spent_budget_refuses_until_it_starts_anew() {
    let upstream = Upstream::start().await;
    let more = format!("{PRICE}budgets: [{{name: all, provider: vendor, amount: 60, per: month, warn_at: 10%}}]\n");
    let sidecar = start(&upstream, "", &more).await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    assert_eq!(sidecar.chat(&request()).await.head.header("x-llm-budget-warning"), None);
    let warned = sidecar.chat(&request()).await;
    assert_eq!((warned.status(), warned.head.header("x-llm-budget-warning")), (200, Some("all")));
    sidecar.wait_log("the warning", |line| line["message"] == "a budget is nearly spent" && line["budget"] == "all").await;
    let mut served = 2;
    let refused = loop {
        let answer = sidecar.chat(&request()).await;
        if answer.status() != 200 {
            break answer;
        }
        served += 1;
    };
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.json()["error"]["code"], json!("budget_exceeded"));
    let seconds: u64 = refused.head.header("retry-after").unwrap().parse().unwrap();
    assert!(seconds <= 31 * 86_400, "{seconds}");
    assert_eq!((refused.head.header("x-should-retry"), refused.head.header("retry-after-ms")), (Some("false"), None));
    assert_eq!(upstream.requests().len(), served, "a request without budget asks nobody");
    let records = records(&sidecar, served + 1).await;
    let spent: u64 = records.iter().map(|record| record["reported_cost"]["nano"].as_u64().unwrap()).sum();
    assert_eq!(spent, served as u64 * 8_000_000_000);
    assert!(spent <= 60_000_000_000, "{spent}");
    assert!(sidecar.metric("llm_budget_exceeded_total{budget=\"all\"}").await >= 1.0);
    let used = sidecar.metric("llm_budget_used_ratio{budget=\"all\"}").await;
    assert!((used - spent as f64 / 60e9).abs() < 1e-9, "{used}");
}

#[tokio::test]
async fn budgets_hold_for_their_tag_only() {
    let upstream = Upstream::start().await;
    let more = format!("{PRICE}budgets: [{{name: nightly, tag: nightly, amount: 1, per: day}}]\n");
    let sidecar = start(&upstream, "", &more).await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    assert_eq!(sidecar.chat(&request()).await.status(), 200);
    let path = "/v1/chat/completions";
    assert_eq!(sidecar.post_with(path, &[("x-llm-tags", "daily")], &request()).await.status(), 200);
    assert_eq!(sidecar.post_with(path, &[("x-llm-tags", "daily,nightly")], &request()).await.status(), 429);
}
