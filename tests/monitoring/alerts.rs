//! Alerts that the binary posts itself, to a webhook that is not always there.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::sidecar::{Sidecar, provider};
use crate::support::upstream::{Script, Upstream};

/// One answer costs 5 + 3 units: two of them are 16 % of 100.
fn config(vendor: &Upstream, hook: &Upstream, webhook: &str, amount: u32) -> String {
    let more = format!(
        "prices: {{overrides: {{vendor/m: {{input: 1000000, output: 1000000}}}}}}\nbudgets: [{{name: all, amount: {amount}, per: month}}]\n\
         alerts:\n  webhook: {{url: \"http://{}/hook?token=t\", headers: {{authorization: Bearer canary-hook}}, {webhook}}}\n  \
         interval: 50ms\n  labels: {{cluster: eu}}\n  thresholds: {{call_cost: 20, budget: 15%}}\n",
        hook.address
    );
    provider("openai_compatible", vendor, &more)
}

async fn spend(sidecar: &Sidecar) {
    let mut request = chat::request(false);
    request["max_tokens"] = 3.into();
    for _ in 0..2 {
        assert_eq!(sidecar.chat(&request).await.status(), 200);
    }
}

#[tokio::test]
async fn a_webhook_hears_once_that_an_alert_begins_and_once_that_it_ends() {
    let (vendor, hook) = (Upstream::start().await, Upstream::start().await);
    vendor.always(Script::json(200, &chat::completion("hello")));
    hook.script(Script::json(503, &json!({})));
    hook.script(Script::default().rst());
    hook.always(Script::json(200, &json!({})));
    let sidecar = Sidecar::start(&config(&vendor, &hook, "", 100)).await;
    spend(&sidecar).await;
    hook.wait_requests(3).await;
    sidecar.wait_metric("llm_alert_posts_total{result=\"sent\"}", 1.0).await;
    assert!((sidecar.metric("llm_alert_posts_total{result=\"failed\"}").await - 2.0).abs() < 0.1);
    sidecar.edit_by_rename(&config(&vendor, &hook, "", 1000));
    hook.wait_requests(4).await;
    sidecar.wait_metric("llm_alert_posts_total{result=\"sent\"}", 2.0).await;
    // Another alert: by then several looks have found nothing new to tell.
    sidecar.edit_by_rename(&config(&vendor, &hook, "", 90));
    hook.wait_requests(5).await;

    let posts = hook.requests();
    let first = &posts[2];
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/hook?token=t"));
    assert_eq!(first.header("authorization"), Some("Bearer canary-hook"));
    let told: Vec<Value> = posts.iter().flat_map(|post| post.json()["alerts"].as_array().unwrap().clone()).collect();
    let words: Vec<(&str, &str)> = told.iter().map(|one| (one["name"].as_str().unwrap(), one["status"].as_str().unwrap())).collect();
    let (firing, resolved) = (("LLMBudgetBurn", "firing"), ("LLMBudgetBurn", "resolved"));
    assert_eq!(words, [firing, firing, firing, resolved, firing], "two were not heard");
    assert_eq!(told[2]["labels"], json!({"budget": "all", "cluster": "eu"}));
    assert_eq!((&told[2]["summary"], &told[2]["severity"]), (&json!("16.0 % of the budget all is used"), &json!("warning")));
    assert_eq!((&told[2]["starts_at"], &told[2]["ends_at"]), (&told[3]["starts_at"], &Value::Null));
    assert!(told[3]["ends_at"].is_string());
    assert!(!sidecar.log().iter().any(|line| line.contains("canary-hook")));
}

#[tokio::test]
async fn alertmanager_hears_in_its_own_form_again_and_again() {
    let (vendor, hook) = (Upstream::start().await, Upstream::start().await);
    vendor.always(Script::json(200, &chat::completion("hello")));
    hook.always(Script::json(200, &json!({})));
    let form = |amount| {
        let yaml = config(&vendor, &hook, "format: alertmanager", amount).replace("/hook?token=t", "");
        yaml.replace("  interval: 50ms", "  repeat_interval: 200ms\n  interval: 50ms")
    };
    let sidecar = Sidecar::start(&form(100)).await;
    spend(&sidecar).await;
    hook.wait_requests(3).await;
    sidecar.edit_by_rename(&form(1000));
    let ended = hook
        .wait("the end", |record| {
            record.requests.iter().map(|post| post.json()[0].clone()).find(|alert| time(&alert["endsAt"]) <= jiff::Timestamp::now())
        })
        .await;
    let posts = hook.requests();
    assert!(posts.iter().all(|post| post.path == "/api/v2/alerts"));
    let first = posts[0].json();
    assert_eq!(first[0]["labels"], json!({"alertname": "LLMBudgetBurn", "severity": "warning", "budget": "all", "cluster": "eu"}));
    assert_eq!(first[0]["annotations"], json!({"summary": "16.0 % of the budget all is used"}));
    assert!(first[0]["generatorURL"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(ended["startsAt"], first[0]["startsAt"], "it is one alert");
    assert!(time(&first[0]["endsAt"]).duration_since(time(&first[0]["startsAt"])) >= jiff::SignedDuration::from_millis(790));
    let count = posts.len();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hook.count(), count, "it has ended once");
}

fn time(text: &Value) -> jiff::Timestamp {
    text.as_str().unwrap().parse().unwrap()
}
