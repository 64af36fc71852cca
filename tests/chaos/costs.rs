//! Records, metrics and budgets under many requests of every fate.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::ask::{Ask, many};
use crate::figures::tell;
use crate::support::sidecar::{Sidecar, sum};
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, invariants, within};
use crate::turn;
use crate::volume::volume;

const REQUESTS: usize = 10_000;
const AT_ONCE: usize = 32;

#[tokio::test]
async fn there_are_as_many_records_as_requests_and_they_sum_up_to_the_metrics() {
    let _turn = turn::alone().await;
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", api_key: {}, models: [m], retry: {{attempts: 3, backoff: 1ms..2ms}}, \
             breaker: {{enabled: false}}, timeout: {{connect: 2s, first_token: 5s, idle: 5s, total: 20s}}}}\n",
            upstream.address,
            invariants::CANARY
        )
    };
    let requests = volume(REQUESTS);
    // Less than the answers would cost, so that it is spent on the way.
    let amount = requests * 3;
    let yaml = format!(
        "providers:\n{}{}models:\n  m: {{targets: [{{provider: a, model: m}}, {{provider: b, model: m}}], hedge: {{after: 20ms, budget: 50%}}}}\n\
         prices: {{overrides: {{a/*: {{input: 1000000, output: 1000000}}, b/*: {{input: 1000000, output: 1000000}}}}}}\n\
         budgets: [{{name: all, amount: {amount}, per: month}}]\nusage: {{file: {{path: usage.jsonl, max_size: 1GiB}}}}\n",
        provider("a", &first),
        provider("b", &second)
    );
    let sidecar = Sidecar::start(&yaml).await;
    let error = serde_json::json!({"error": {"message": "no", "type": "x", "param": null, "code": null}});
    let scripts = [
        Script::sse().chunk(chat::stream(&["hello"])).end(),
        Script::json(200, &chat::completion("hello")),
        Script::json(503, &error),
        Script::json(400, &error),
        Script::default().rst(),
        Script::sse().data(chat::role()).fin(),
        Script::sse().data(chat::text("cut")).rst(),
        Script::sse().data(chat::text("held")).never(),
        Script::default().pause(Duration::from_millis(60)).followed_by(&Script::json(200, &chat::completion("late"))),
    ];
    many(requests, AT_ONCE, |n| {
        let (sidecar, upstream, script) = (&sidecar, if n % 2 == 0 { &first } else { &second }, scripts[n % scripts.len()].clone());
        async move {
            upstream.script(script);
            let ask = Ask::new(format!("{n}"), n % 3 != 0).model("m").max_tokens(3);
            let mut client = sidecar.connect().await;
            ask.send(&mut client).await;
            let _ = tokio::time::timeout(Duration::from_millis(150), client.try_answer()).await;
            ask.left()
        }
    })
    .await;
    sidecar.wait_idle().await;
    // As many records are taken as there were requests; the file's sink writes them soon.
    sidecar.wait_metric("llm_usage_records_total{sink=\"file\"}", requests as f64).await;
    let path = sidecar.directory().join("usage.jsonl");
    let records: Vec<Value> = within("a record of each request", async {
        loop {
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() >= requests {
                return text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(records.len(), requests, "one record a request");
    let ids: std::collections::HashSet<&str> = records.iter().map(|record| record["request_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), requests);
    let nano = |money: &Value| money["nano"].as_u64().unwrap_or(0);
    let ledger: u64 = records
        .iter()
        .map(|record| {
            nano(&record["cost"]) + record["other_attempts"].as_array().unwrap().iter().map(|other| nano(&other["cost"])).sum::<u64>()
        })
        .sum();
    let metrics = sidecar.metrics().await;
    let counted = (sum(&metrics, "llm_cost_total") * 1e9).round() as u64;
    tell("costs", format_args!("{requests} requests: {ledger} by the records, {counted} by the metrics, of a budget of {amount} units"));
    assert_eq!(ledger, counted);
    assert!(records.iter().any(|record| record["error"] == "budget_exceeded"), "the budget was never spent");
    assert!(ledger >= amount as u64 * 500_000_000, "{ledger}: the budget refused too early");
    // The budget may be exceeded by what requests under way cost beyond what was held back for them; none of these costs 100 units more.
    assert!(ledger <= (amount as u64 + 100 * AT_ONCE as u64) * 1_000_000_000, "{ledger}");
    assert!(sum(&metrics, "llm_usage_records_lost_total") < 0.5);
}
