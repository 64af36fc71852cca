//! The configuration is edited while the sidecar runs: every way of editing, invalid files and key rotation. (Reloads in numbers,
//! R34 to R36, are in `tests/chaos`.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod support;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::sidecar::{Sidecar, provider};
use support::upstream::{Script, Upstream};
use support::{chat, within};

const ADMIN: &str = "admin: {listen: 127.0.0.1:0, tokens: [{name: ops, role: operator, token: operator-token-1}]}\n";

fn config(upstream: &Upstream, alias: &str) -> String {
    provider("openai_compatible", upstream, &format!("models: {{{alias}: {{targets: [{{provider: vendor, model: m}}]}}}}\n{ADMIN}"))
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(Script::json(200, &chat::completion("hello")));
    upstream
}

/// The status that the model name is answered with.
async fn status_of(sidecar: &Sidecar, model: &str) -> u16 {
    let mut request = chat::request(false);
    request["model"] = json!(model);
    sidecar.chat(&request).await.status()
}

async fn wait_for(sidecar: &Sidecar, model: &str) {
    within(&format!("the alias {model}"), async {
        while status_of(sidecar, model).await != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

async fn reload(sidecar: &Sidecar) -> (u16, Value) {
    let mut admin = support::client::Client::connect(sidecar.admin).await;
    admin.post_with("/api/v1/config/reload", &[("authorization", "Bearer operator-token-1")], &json!({})).await;
    let answer = admin.answer().await;
    (answer.status(), answer.json())
}

#[tokio::test]
async fn edits_in_place_by_rename_by_signal_and_through_the_api_take_effect() {
    let upstream = upstream().await;
    let sidecar = Sidecar::start(&config(&upstream, "first")).await;
    assert_eq!(status_of(&sidecar, "first").await, 200);
    assert_eq!(status_of(&sidecar, "second").await, 404);
    sidecar.edit_in_place(&config(&upstream, "second"));
    wait_for(&sidecar, "second").await;
    assert_eq!(status_of(&sidecar, "first").await, 404);
    for round in 0..3 {
        sidecar.edit_by_rename(&config(&upstream, &format!("renamed-{round}")));
        wait_for(&sidecar, &format!("renamed-{round}")).await;
    }
    sidecar.edit_in_place(&config(&upstream, "signalled"));
    sidecar.signal("HUP");
    wait_for(&sidecar, "signalled").await;
    sidecar.edit_in_place(&config(&upstream, "asked"));
    let (status, told) = reload(&sidecar).await;
    assert_eq!((status, &told["in_sync"]), (200, &json!(true)));
    assert_eq!(status_of(&sidecar, "asked").await, 200);
}

#[tokio::test]
async fn the_kubelets_symlink_swap_takes_effect_again_and_again() {
    let upstream = upstream().await;
    let sidecar = Sidecar::start_mounted(&config(&upstream, "one")).await;
    for generation in 2..6 {
        sidecar.edit_mounted(generation, &config(&upstream, &format!("generation-{generation}")));
        wait_for(&sidecar, &format!("generation-{generation}")).await;
    }
}

#[tokio::test]
async fn an_invalid_file_changes_nothing_and_is_told_with_its_place() {
    let upstream = upstream().await;
    let sidecar = Sidecar::start(&config(&upstream, "first")).await;
    sidecar.edit_in_place(&config(&upstream, "second").replace("api_key:", "api_keey:"));
    sidecar.wait_metric("llm_config_in_sync", 0.0).await;
    assert_eq!(status_of(&sidecar, "first").await, 200);
    let (status, told) = reload(&sidecar).await;
    assert_eq!(status, 422);
    let errors = told["errors"].to_string();
    assert!(errors.contains("api_keey") && errors.contains("did you mean") && errors.contains("config.yaml:"), "{errors}");
    assert!(!errors.contains("canary"), "{errors}");
    sidecar.edit_in_place(&config(&upstream, "third"));
    wait_for(&sidecar, "third").await;
    sidecar.wait_metric("llm_config_in_sync", 1.0).await;
}

#[tokio::test]
async fn a_rotated_secret_file_is_used_without_a_restart() {
    let upstream = upstream().await;
    let secrets = tempfile::tempdir().unwrap();
    let key = secrets.path().join("key");
    fs::write(&key, "sk-first-0123456789\n").unwrap();
    let yaml = config(&upstream, "alias").replace("sk-canary-0123456789", &format!("\"${{file:{}}}\"", key.display()));
    let sidecar = Sidecar::start(&yaml).await;
    assert_eq!(status_of(&sidecar, "alias").await, 200);
    fs::write(&key, "sk-second-0123456789\n").unwrap();
    within("the new key", async {
        loop {
            assert_eq!(status_of(&sidecar, "alias").await, 200);
            let last = upstream.requests().pop().unwrap();
            if last.header("authorization") == Some("Bearer sk-second-0123456789") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
