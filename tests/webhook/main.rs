//! The admission webhook as the API server uses it: the whole binary, over TLS, with certificates that change under it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail, and it waits"
)]

mod api_server;
mod certificates;
mod process;

use base64::Engine;
use process::{Webhook, certify, until};
use serde_json::{Value, json};

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "app", "image": "app"}]}})
}

#[test]
fn pods_are_reviewed_over_tls() {
    let (webhook, certificate) = Webhook::start("image: mine:1\nstrict: true\n");
    let response = webhook.review(&certificate, &pod());
    let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    let steps: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    let sidecar = steps.iter().find(|step| step["path"] == "/spec/initContainers/0").unwrap();
    assert_eq!((&response["allowed"], &sidecar["value"]["image"]), (&json!(true), &json!("mine:1")));
    let mut host = pod();
    host["spec"]["hostNetwork"] = true.into();
    assert_eq!(webhook.review(&certificate, &host)["allowed"], true);
    host["metadata"]["labels"] = json!({"llm-sidecar.dev/inject": "true"});
    let refused = webhook.review(&certificate, &host);
    assert_eq!(refused["allowed"], false);
    assert!(refused["status"]["message"].as_str().unwrap().contains("gateway"));
    assert_eq!(webhook.ask(&certificate, "POST", "/mutate", b"{}").unwrap().0, 400);
    assert_eq!(webhook.ask(&certificate, "GET", "/mutate", b"").unwrap().0, 405);
    assert_eq!(webhook.ask(&certificate, "POST", "/other", b"{}").unwrap().0, 404);
    assert_eq!(webhook.plain("/readyz").0, 200);
    assert_eq!(webhook.expiry(), 67_090_118_400, "what is made for a test ends with the year 4095");
    let metrics = webhook.plain("/metrics").1;
    for line in [
        r#"llm_sidecar_injections_total{result="injected",reason="none"} 1"#,
        r#"llm_sidecar_injections_total{result="refused",reason="host_network"} 1"#,
        r#"llm_sidecar_injections_total{result="skipped",reason="host_network"} 1"#,
        r#"llm_sidecar_injections_total{result="failed",reason="bad_review"} 1"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn certificate_and_settings_are_taken_anew_and_bad_ones_are_not() {
    let (webhook, old) = Webhook::start("image: mine:1\n");
    let new = certify(webhook.folder.path());
    std::fs::write(webhook.folder.path().join("settings.yaml"), "image: mine:2\n").unwrap();
    webhook.hang_up();
    until("the new certificate is in use", || webhook.ask(&new, "GET", "/mutate", b"").is_ok());
    assert!(webhook.ask(&old, "GET", "/mutate", b"").is_err());
    let image = |webhook: &Webhook| {
        let response = webhook.review(&new, &pod());
        let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let steps: Vec<Value> = serde_json::from_slice(&patch).unwrap();
        steps.iter().find_map(|step| step["value"]["image"].as_str().map(str::to_owned)).unwrap()
    };
    assert_eq!(image(&webhook), "mine:2");
    std::fs::write(webhook.folder.path().join("settings.yaml"), "imagee: mine:3\n").unwrap();
    webhook.hang_up();
    until("it says that it is out of sync", || webhook.plain("/metrics").1.contains("llm_sidecar_webhook_in_sync 0"));
    assert_eq!(image(&webhook), "mine:2");
}
