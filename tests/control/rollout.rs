//! A configuration with which more requests fail than before is taken back.

use serde_json::{Value, json};

use crate::support::chat;
use crate::support::sidecar::{NO_BREAKER, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::support::within;
use crate::{admin, config, setting};

fn yaml(base_url: &str, rollout: &str) -> String {
    let provider =
        format!("type: openai_compatible, base_url: '{base_url}', api_key: k, models: [m], {NO_BREAKER}, retry: {{attempts: 1}}");
    config("{type: sqlite, path: store.db}", &format!("{rollout}providers:\n  vendor: {{{provider}}}\n"))
}

const ROLLOUT: &str = "rollout: {window: 10m, error_rate: 20%, min_requests: 10}\n";

async fn status(sidecar: &Sidecar) -> Value {
    admin(sidecar, "GET", "/api/v1/config/status", None).await.json()
}

/// The statuses of so many requests.
async fn statuses(sidecar: &Sidecar, count: usize) -> Vec<u16> {
    let mut request = chat::request(false);
    request["model"] = "vendor/m".into();
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(sidecar.chat(&request).await.status());
    }
    all
}

#[tokio::test]
async fn what_does_worse_is_taken_back_and_what_does_not_stays() {
    let (good, broken) = (Upstream::start().await, Upstream::start().await);
    good.always(Script::json(200, &chat::completion("hello")));
    broken.always(Script::json(500, &json!({"error": {"message": "broken"}})));
    let (first, second) = (format!("http://{}/v1", good.address), format!("http://{}/v1", broken.address));
    let sidecar = Sidecar::start_in(&yaml(&first, ROLLOUT), &setting()).await;
    let hash = status(&sidecar).await["hash"].clone();
    assert_eq!(statuses(&sidecar, 20).await, [200; 20]);

    sidecar.edit_by_rename(&yaml(&second, ROLLOUT));
    admin(&sidecar, "POST", "/api/v1/config/reload", None).await;
    let told = status(&sidecar).await;
    assert_eq!((&told["in_sync"], &told["rolled_back"]), (&json!(true), &Value::Null));
    // The client's own mistakes do not count.
    for _ in 0..30 {
        assert_eq!(sidecar.post("/v1/chat/completions", &json!({"model": 5})).await.status(), 400);
    }
    assert_eq!(statuses(&sidecar, 9).await, [500; 9], "too few to tell");
    within("the first one to run again", async {
        while statuses(&sidecar, 1).await != [200] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    let told = status(&sidecar).await;
    assert_eq!((&told["in_sync"], &told["hash"]), (&json!(false), &hash), "{told}");
    assert_eq!((&told["rolled_back"]["error_rate_before"], &told["rolled_back"]["error_rate_after"]), (&json!(0.0), &json!(1.0)), "{told}");
    assert!(told["errors"][0].as_str().unwrap().contains("taken back"), "{told}");
    sidecar.wait_metric("llm_config_reloads_total{result=\"rolled_back\"}", 1.0).await;
    assert!(sidecar.log().iter().any(|line| line.contains("configuration rolled back")));
    let entry = admin(&sidecar, "GET", "/api/v1/audit", None).await.json()["data"][0].clone();
    assert_eq!((&entry["action"], &entry["actor"]), (&json!("config.rollback"), &json!("llm-sidecar")), "{entry}");

    // What is mended is taken over, and stays.
    sidecar.edit_by_rename(&yaml(&first, &ROLLOUT.replace("20%", "30%")));
    admin(&sidecar, "POST", "/api/v1/config/reload", None).await;
    assert_eq!(statuses(&sidecar, 30).await, [200; 30]);
    let told = status(&sidecar).await;
    assert_eq!((&told["in_sync"], &told["rolled_back"], &told["errors"]), (&json!(true), &Value::Null, &json!([])), "{told}");
}

#[tokio::test]
async fn without_the_section_what_is_valid_stays() {
    let (good, broken) = (Upstream::start().await, Upstream::start().await);
    good.always(Script::json(200, &chat::completion("hello")));
    broken.always(Script::json(500, &json!({"error": {"message": "broken"}})));
    let sidecar = Sidecar::start_in(&yaml(&format!("http://{}/v1", good.address), ""), &setting()).await;
    assert_eq!(statuses(&sidecar, 20).await, [200; 20]);
    sidecar.edit_by_rename(&yaml(&format!("http://{}/v1", broken.address), ""));
    admin(&sidecar, "POST", "/api/v1/config/reload", None).await;
    assert_eq!(statuses(&sidecar, 40).await, [500; 40]);
}
