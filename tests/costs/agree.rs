//! One request, one record; and all that is told of its cost is the same number.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::sidecar::{Sidecar, sum};
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, within};

const PRICES: &str = "prices: {currency: EUR, overrides: {vendor/m: {currency: USD, input: 2.5, output: 10, cache_read: 1.25}}, \
                      exchange: [{from: USD, to: EUR, rate: 0.9}]}\nusage: {file: {path: usage.jsonl}}\n";

/// A sidecar with one provider, whose model `m` has a price and whose others have none.
pub async fn start(upstream: &Upstream, provider: &str, more: &str) -> Sidecar {
    let yaml = format!(
        "providers:\n  vendor: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: sk-canary-0123456789, models: [m, free], \
         retry: {{attempts: 1}}, breaker: {{enabled: false}}{provider}}}\n{more}",
        upstream.address
    );
    Sidecar::start(&yaml).await
}

/// The records, once there are so many.
pub async fn records(sidecar: &Sidecar, count: usize) -> Vec<Value> {
    let path = sidecar.directory().join("usage.jsonl");
    within("the records", async {
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() >= count {
                let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!(records.len(), count);
                return records;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

fn completion() -> Value {
    let mut body = chat::completion("hello");
    body["usage"] =
        json!({"prompt_tokens": 1001, "completion_tokens": 7, "total_tokens": 1008, "prompt_tokens_details": {"cached_tokens": 900}});
    body
}

/// A counter of money, in billionths.
pub async fn nano(sidecar: &Sidecar, sample: &str) -> u64 {
    (sum(&sidecar.metrics().await, sample) * 1e9).round() as u64
}

#[tokio::test]
async fn header_log_record_and_metrics_agree() {
    let upstream = Upstream::start().await;
    let sidecar = start(&upstream, "", PRICES).await;
    upstream.script(Script::json(200, &completion()));
    let answer = sidecar.post_with("/v1/chat/completions", &[("x-llm-tags", "nightly, a/b")], &chat::request(false)).await;
    // 101 x 2.5 + 900 x 1.25 + 7 x 10 = 1447.5 millionths of a dollar.
    assert_eq!(answer.head.header("x-llm-cost"), Some("0.00130275"));
    assert_eq!(answer.head.header("x-llm-cost-currency"), Some("EUR"));
    let id = answer.head.header("x-request-id").unwrap().to_owned();
    let line = sidecar.access(&id).await;
    assert_eq!((&line["cost_nano"], &line["cost_currency"]), (&json!(1_302_750), &json!("EUR")));
    let record = &records(&sidecar, 1).await[0];
    assert_eq!(record["request_id"], json!(id));
    assert_eq!(record["cost"], json!({"nano": 1_447_500, "currency": "USD"}));
    assert_eq!(record["cost_by_kind"], json!({"input": 252_500, "cache_read": 1_125_000, "output": 70_000}));
    assert_eq!(record["reported_cost"], json!({"nano": 1_302_750, "currency": "EUR"}));
    assert_eq!(
        (&record["tokens"]["cached"], &record["tokens_source"], &record["outcome"]),
        (&json!(900), &json!("vendor"), &json!("complete"))
    );
    assert_eq!(record["tags"], json!(["nightly", "a/b"]));
    assert!(record["price_version"].as_str().unwrap().starts_with("genai-prices-"));
    assert_eq!(nano(&sidecar, "llm_cost_total{provider=\"vendor\",model=\"m\",currency=\"USD\"}").await, 1_447_500);
    assert_eq!(nano(&sidecar, "llm_cost_reported_total{provider=\"vendor\",model=\"m\",currency=\"EUR\"}").await, 1_302_750);
    let text = record.to_string();
    assert!(!text.contains("hello") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn a_stream_is_billed_by_the_usage_that_the_client_did_not_ask_for() {
    let upstream = Upstream::start().await;
    let sidecar = start(&upstream, "", PRICES).await;
    let usage = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}});
    let stream = chat::stream(&["hello"]).replace("data: [DONE]", &format!("data: {usage}\n\ndata: [DONE]"));
    upstream.script(Script::sse().chunk(stream).end());
    let answer = sidecar.chat(&chat::request(true)).await;
    answer.assert_whole();
    assert!(!answer.text().contains("usage\":{"), "the client did not ask for it");
    assert_eq!(answer.head.header("x-llm-cost"), None, "it is not known when the head goes");
    let record = &records(&sidecar, 1).await[0];
    assert_eq!((&record["cost"]["nano"], &record["tokens_source"]), (&json!(65_000), &json!("vendor")));
    all_tell(&sidecar, &[record]).await;
}

#[tokio::test]
async fn what_is_not_known_is_not_zero() {
    let upstream = Upstream::start().await;
    let sidecar = start(&upstream, "", PRICES).await;
    upstream.script(Script::json(200, &completion()));
    let mut request = chat::request(false);
    request["model"] = "vendor/free".into();
    let answer = sidecar.chat(&request).await;
    assert_eq!((answer.status(), answer.head.header("x-llm-cost")), (200, None));
    upstream.script(Script::default().rst());
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 502);
    upstream.script(Script::json(400, &json!({"error": {"message": "no", "type": "invalid_request_error", "param": null, "code": null}})));
    assert_eq!(sidecar.chat(&chat::request(false)).await.status(), 400);
    let records = records(&sidecar, 3).await;
    assert_eq!((&records[0]["cost"], &records[0]["cost_unknown"]), (&Value::Null, &json!("no_price")));
    assert_eq!(records[0]["reported_cost"], Value::Null);
    assert_eq!(records[1]["other_attempts"][0]["cost_unknown"], json!("interrupted"));
    assert_eq!(records[1]["reported_cost"], Value::Null);
    assert_eq!((&records[2]["reported_cost"]["nano"], &records[2]["outcome"]), (&json!(0), &json!("failed")), "a refusal costs nothing");
    for (model, reason) in [("free", "no_price"), ("m", "interrupted")] {
        let sample = format!("llm_cost_unknown_total{{provider=\"vendor\",model=\"{model}\",reason=\"{reason}\"}}");
        assert!((sidecar.metric(&sample).await - 1.0).abs() < 0.1, "{sample}");
    }
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_is_estimated_and_recorded_once() {
    let upstream = Upstream::start().await;
    let sidecar = start(&upstream, "", PRICES).await;
    upstream.script(Script::sse().data(chat::role()).data(chat::text(&"word ".repeat(80))).never());
    let mut client = sidecar.connect().await;
    client.post("/v1/chat/completions", &chat::request(true)).await;
    client.head().await;
    client.piece().await.unwrap();
    drop(client);
    let record = &records(&sidecar, 1).await[0];
    assert_eq!((&record["outcome"], &record["tokens_source"]), (&json!("cancelled"), &json!("estimated")));
    assert!(record["tokens"]["completion"].as_u64().unwrap() >= 100, "{record}");
    assert!(record["cost"]["nano"].as_u64().unwrap() >= 1_000_000, "{record}");
    all_tell(&sidecar, &[record]).await;
}

#[tokio::test]
async fn a_stream_that_the_vendor_cuts_is_estimated_and_told_alike() {
    let upstream = Upstream::start().await;
    let sidecar = start(&upstream, "", PRICES).await;
    upstream.script(Script::sse().data(chat::role()).data(chat::text(&"word ".repeat(80))).rst());
    let answer = sidecar.chat(&chat::request(true)).await;
    assert!(!answer.text().contains("[DONE]"));
    let record = &records(&sidecar, 1).await[0];
    assert_eq!((&record["outcome"], &record["tokens_source"]), (&json!("truncated"), &json!("estimated")));
    assert!(record["reported_cost"]["nano"].as_u64().unwrap() >= 900_000, "{record}");
    all_tell(&sidecar, &[record]).await;
}

#[tokio::test]
async fn an_answer_from_the_cache_costs_nothing_and_all_say_so() {
    let upstream = Upstream::start().await;
    let route = "models: {kept: {targets: [{provider: vendor, model: m}], cache: {ttl: 60s}}}\n";
    let sidecar = start(&upstream, "", &format!("{PRICES}{route}")).await;
    upstream.script(Script::json(200, &completion()));
    let mut request = chat::request(false);
    (request["model"], request["temperature"]) = ("kept".into(), 0.into());
    for cost in ["0.00130275", "0"] {
        let answer = sidecar.chat(&request).await;
        assert_eq!(answer.head.header("x-llm-cost"), Some(cost), "{}", answer.text());
    }
    let records = records(&sidecar, 2).await;
    assert_eq!((&records[1]["cache"], &records[1]["tokens"]), (&json!("hit"), &Value::Null));
    all_tell(&sidecar, &[&records[0], &records[1]]).await;
}

/// The records' costs in the currency that is reported in are those of the access log, and their sum that of the metrics.
async fn all_tell(sidecar: &Sidecar, records: &[&Value]) {
    for record in records {
        let line = sidecar.access(record["request_id"].as_str().unwrap()).await;
        assert_eq!(line["cost_nano"], record["reported_cost"]["nano"], "{line} {record}");
    }
    let total = |member: &str| records.iter().filter_map(|record| record[member]["nano"].as_u64()).sum::<u64>();
    assert_eq!(nano(sidecar, "llm_cost_reported_total{provider=\"vendor\"").await, total("reported_cost"));
    assert_eq!(nano(sidecar, "llm_cost_total{provider=\"vendor\"").await, total("cost"));
}
