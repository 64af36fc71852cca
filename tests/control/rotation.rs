//! The keys that the store's secrets are sealed with are changed under load, and what does not belong where it is does not open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use llm_sidecar::config;
use llm_sidecar::store::Store;
use serde_json::{Value, json};

use crate::support::chat;
use crate::support::sidecar::{Setting, Sidecar};
use crate::support::upstream::{Script, Upstream};
use crate::{CANARY, KEK, admin, ask, provider};

const ROTATE: &str = "/api/v1/llm/secrets/rotate";
/// Another key that seals.
const NEW: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn config(secrets: &str) -> String {
    crate::config("{type: sqlite, path: store.db}", "").replace("{kek: {env: KEK}}", secrets)
}

/// The sealed `api_key` of the providers `a` and `b`.
fn sealed(sidecar: &Sidecar) -> [String; 2] {
    let store = Store::new(&config::Store::Sqlite { path: sidecar.directory().join("store.db") }).unwrap().unwrap();
    let records = store.records().unwrap().1;
    ["a", "b"].map(|name| {
        let record = records.iter().find(|record| record.name == name).unwrap();
        let body: Value = serde_json::from_str(&record.body).unwrap();
        body["config"]["api_key"].as_str().unwrap().to_owned()
    })
}

async fn reload(sidecar: &Sidecar, secrets: &str) -> u16 {
    sidecar.edit_by_rename(&config(secrets));
    admin(sidecar, "POST", "/api/v1/config/reload", None).await.status()
}

#[tokio::test]
async fn under_load_without_a_failed_request_and_then_only_the_new_key_opens() {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    let setting = Setting { env: vec![("KEK".into(), KEK.into()), ("NEW".into(), NEW.into())], ..Default::default() };
    let sidecar = Arc::new(Sidecar::start_in(&config("{kek: {env: KEK}}"), &setting).await);
    for name in ["a", "b"] {
        assert_eq!(admin(&sidecar, "POST", "/api/v1/llm/providers", Some(&provider(name, &upstream))).await.status(), 201);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let load = ["a/m", "b/m"].map(|model| {
        let (sidecar, stop) = (Arc::clone(&sidecar), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut request = chat::request(false);
            request["model"] = model.into();
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) || count == 0 {
                let answer = sidecar.chat(&request).await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                count += 1;
            }
            count
        })
    });

    let first = sealed(&sidecar);
    // A new data key below the same key, as often as one likes.
    let dry = admin(&sidecar, "POST", &format!("{ROTATE}?dry_run=true"), None).await;
    assert_eq!((dry.status(), &dry.json()["secrets"], &dry.json()["dry_run"]), (200, &json!(2), &json!(true)), "{}", dry.text());
    assert_eq!(sealed(&sidecar), first);
    for _ in 0..5 {
        let before = sealed(&sidecar);
        let done = admin(&sidecar, "POST", ROTATE, None).await;
        assert_eq!((done.status(), &done.json()["records"]), (200, &json!(["providers/a", "providers/b"])), "{}", done.text());
        let after = sealed(&sidecar);
        assert!(before.iter().zip(&after).all(|(before, after)| before != after && !after.contains(CANARY)));
    }
    // Then the key itself.
    let former = sealed(&sidecar);
    assert_eq!(reload(&sidecar, "{kek: {env: NEW}, old: [{env: KEK}]}").await, 200);
    assert_eq!(sealed(&sidecar), former, "a reload changes nothing in the store");
    assert_eq!(admin(&sidecar, "POST", ROTATE, None).await.status(), 200);
    assert_eq!(reload(&sidecar, "{kek: {env: NEW}}").await, 200);
    stop.store(true, Ordering::Relaxed);
    let mut total = 0;
    for task in load {
        total += task.await.unwrap();
    }
    let wanted = format!("Bearer {CANARY}");
    let requests = upstream.requests();
    assert!(requests.len() >= total && requests.iter().all(|request| request.header("authorization") == Some(wanted.as_str())));

    // Swapped between records, a bit flipped at every part, sealed by the former key: refused, and nothing changes.
    let [a, b] = sealed(&sidecar);
    let flip = |part: usize| {
        let mut parts: Vec<String> = a.split(':').map(str::to_owned).collect();
        let end = parts[part].len() / 2;
        let other = if &parts[part][end..=end] == "A" { "B" } else { "A" };
        parts[part].replace_range(end..=end, other);
        parts.join(":")
    };
    let [key, wrapped, body] = [2, 3, 4].map(flip);
    for (what, value) in [("swapped", &b), ("key", &key), ("wrapped", &wrapped), ("body", &body), ("former", &former[0])] {
        let patch = json!({"config": {"api_key": value}});
        let refused = admin(&sidecar, "PATCH", "/api/v1/llm/providers/a", Some(&patch)).await;
        assert_eq!((refused.status(), &refused.json()["error"]["param"]), (422, &json!("config.api_key")), "{what}: {}", refused.text());
        assert!(!refused.text().contains(CANARY));
    }
    assert_eq!(sealed(&sidecar), [a, b]);
    assert_eq!(reload(&sidecar, "{kek: {env: KEK}}").await, 422, "the former key opens nothing");
    let mut request = chat::request(false);
    request["model"] = "a/m".into();
    assert_eq!(sidecar.chat(&request).await.status(), 200);

    let audit = admin(&sidecar, "GET", "/api/v1/audit", None).await.text();
    assert_eq!(audit.matches("\"secrets.rotate\"").count(), 6, "{audit}");
    for token in ["operator-token", "viewer-token"] {
        assert_eq!(ask(&sidecar, token, "POST", ROTATE, "", None).await.status(), 403);
    }
    assert!(!format!("{audit}{}{}", sidecar.log().join("\n"), sidecar.metrics().await).contains(CANARY));
}
