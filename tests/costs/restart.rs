//! What was spent stays spent when the sidecar is started anew.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agree::start;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{Script, Upstream};
use crate::support::{chat, within};

async fn spend_all(sidecar: &Sidecar) -> usize {
    let mut request = chat::request(false);
    request["max_tokens"] = 3.into();
    let mut served = 0;
    while sidecar.chat(&request).await.status() == 200 {
        served += 1;
        assert!(served < 100, "the budget is never spent");
    }
    served
}

fn config(kept: &str) -> String {
    format!(
        "prices: {{overrides: {{vendor/m: {{input: 1000000, output: 1000000}}}}}}\nbudgets: [{{name: all, amount: 60, per: month}}]\n{kept}\n"
    )
}

async fn used(sidecar: &Sidecar) -> f64 {
    sidecar.metric("llm_budget_used_ratio{budget=\"all\"}").await
}

#[tokio::test]
async fn by_the_store() {
    let (upstream, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    upstream.always(Script::json(200, &chat::completion("hello")));
    let more = config(&format!("store: {{type: sqlite, path: {}}}", folder.path().join("store.db").display()));
    let mut first = start(&upstream, "", &more).await;
    assert!(spend_all(&first).await > 1);
    let before = used(&first).await;
    first.signal("TERM");
    assert!(first.exit().await.success());
    let second = start(&upstream, "", &more).await;
    assert!((used(&second).await - before).abs() < 1e-9);
    assert_eq!(spend_all(&second).await, 0);
}

#[tokio::test]
async fn by_a_file_beside_the_records_even_if_the_process_is_killed() {
    let (upstream, folder) = (Upstream::start().await, tempfile::tempdir().unwrap());
    upstream.always(Script::json(200, &chat::completion("hello")));
    let records = folder.path().join("usage.jsonl");
    let more = config(&format!("usage: {{file: {{path: {}}}}}", records.display()));
    let mut first = start(&upstream, "", &more).await;
    let spent = json!(spend_all(&first).await * 8_000_000_000);
    let before = used(&first).await;
    let kept = folder.path().join("usage.jsonl.budgets");
    within("what was spent is written", async {
        loop {
            let text = std::fs::read(&kept).unwrap_or_default();
            if serde_json::from_slice::<Value>(&text).is_ok_and(|kept| kept[0]["amount"] == spent) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    first.signal("KILL");
    first.exit().await;
    let second = start(&upstream, "", &more).await;
    assert!((used(&second).await - before).abs() < 1e-9);
    assert_eq!(spend_all(&second).await, 0);
}
