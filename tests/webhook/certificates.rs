//! Certificates that the webhook makes itself, and shares with its replicas.

use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use base64::Engine;
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::pod;
use crate::process::{Webhook, until};

const HOST: &str = "injector.llm.svc";

fn arguments(server: &ApiServer, days: &str) -> Vec<String> {
    let account = server.account.path().display();
    [
        "--certificate-secret=llm/injector-tls",
        "--webhook-configuration=injector.llm",
        &format!("--host={HOST}"),
        &format!("--days={days}"),
        &format!("--api-server={}", server.address),
        &format!("--service-account={account}"),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn replica(server: &ApiServer, days: &str) -> Webhook {
    let arguments = arguments(server, days);
    Webhook::spawn(tempfile::tempdir().unwrap(), &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn certify(server: &ApiServer) -> Output {
    Command::new(env!("CARGO_BIN_EXE_llm-sidecar")).arg("certify").args(arguments(server, "90")).output().unwrap()
}

/// Asks as the API server does: it trusts what its configuration says at this moment.
fn answers(server: &ApiServer, webhook: &Webhook) -> bool {
    webhook.ask_as(&server.trusted(), HOST, "GET", "/mutate", b"").is_ok_and(|(status, _)| status == 405)
}

fn is_ready(webhook: &Webhook) -> bool {
    webhook.plain("/readyz").0 == 200
}

fn steps(server: &ApiServer, webhook: &Webhook) -> Vec<Value> {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "operation": "CREATE", "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": pod()}});
    let (_, body) = webhook.ask_as(&server.trusted(), HOST, "POST", "/mutate", review.to_string().as_bytes()).unwrap();
    let response = serde_json::from_str::<Value>(&body).unwrap()["response"].take();
    let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&patch).unwrap()
}

#[test]
fn replicas_that_start_at_once_agree_on_one_certificate() {
    let server = ApiServer::start();
    let replicas: Vec<Webhook> = (0..3).map(|_| replica(&server, "90")).collect();
    for replica in &replicas {
        until("it has a certificate", || is_ready(replica));
        assert!(answers(&server, replica));
    }
    assert_eq!(server.with(|state| state.writes), 1);
    let day = 24 * 60 * 60;
    let left = replicas[0].expiry() - SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!((89 * day..=90 * day).contains(&left), "{left}");
    assert!(replicas.iter().all(|replica| replica.expiry() == replicas[0].expiry()));
    let bundles = server.with(|state| state.configuration["webhooks"].as_array().unwrap().clone());
    assert_eq!(bundles[0]["clientConfig"]["caBundle"], bundles[1]["clientConfig"]["caBundle"]);
    // One that starts later takes what is there.
    let late = replica(&server, "90");
    until("it has a certificate", || is_ready(&late));
    assert!(answers(&server, &late) && server.with(|state| state.writes) == 1);
}

#[test]
fn no_call_fails_while_a_certificate_is_renewed() {
    let server = ApiServer::start();
    let old = [replica(&server, "90"), replica(&server, "90")];
    old.iter().for_each(|replica| until("it has a certificate", || is_ready(replica)));
    let (ends, calls, failures) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for replica in &old {
                    calls.fetch_add(1, Ordering::Relaxed);
                    failures.fetch_add(usize::from(!answers(&server, replica)), Ordering::Relaxed);
                }
            }
        });
        // It wants certificates of ten years, so that the one of 90 days is too near its end.
        let new = replica(&server, "3650");
        until("it has a certificate", || is_ready(&new));
        assert_eq!(server.with(|state| state.writes), 2);
        assert_eq!(server.trusted().len(), 2, "the authority before is trusted too");
        assert!(answers(&server, &new));
        old.iter().for_each(Webhook::hang_up);
        let newest = server.trusted().into_iter().take(1).collect::<Vec<_>>();
        for replica in &old {
            until("it has taken the new one", || replica.ask_as(&newest, HOST, "GET", "/mutate", b"").is_ok());
            assert_eq!(replica.expiry(), new.expiry());
        }
        ends.store(true, Ordering::Relaxed);
    });
    assert_eq!(failures.load(Ordering::Relaxed), 0, "of {}", calls.load(Ordering::Relaxed));
    assert!(calls.load(Ordering::Relaxed) > 4);
}

#[test]
fn without_the_right_it_says_so_and_serves_on() {
    let server = ApiServer::start();
    server.with(|state| state.forbids = true);
    let webhook = replica(&server, "90");
    until("it says that it cannot", || webhook.plain("/metrics").1.contains("llm_sidecar_webhook_certificate_managed 0"));
    assert_eq!(webhook.plain("/readyz").0, 503);
    assert_eq!(webhook.plain("/livez").0, 200);
    assert_eq!(webhook.expiry(), 0);
    server.with(|state| state.forbids = false);
    until("it has a certificate", || is_ready(&webhook));
    server.with(|state| state.forbids = true);
    webhook.hang_up();
    until("it says so again", || webhook.plain("/metrics").1.contains("llm_sidecar_webhook_certificate_managed 0"));
    assert!(is_ready(&webhook) && answers(&server, &webhook));
}

#[test]
fn the_clusters_version_decides_on_native_sidecars() {
    for (minor, list) in [("31+", "/spec/initContainers/0"), ("28", "/spec/containers/0")] {
        let server = ApiServer::start();
        server.with(|state| state.minor = minor);
        let webhook = replica(&server, "90");
        until("it has a certificate", || is_ready(&webhook));
        let steps = steps(&server, &webhook);
        assert!(steps.iter().any(|step| step["path"] == list && step["value"]["name"] == "llm-sidecar"), "{minor}: {steps:?}");
    }
}

#[test]
fn a_job_makes_the_certificate_once() {
    let server = ApiServer::start();
    server.with(|state| state.secret = None);
    let first = certify(&server);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let made = server.with(|state| state.secret.clone().unwrap());
    assert_eq!((&made["type"], made["data"].as_object().unwrap().len()), (&json!("kubernetes.io/tls"), 3));
    assert_eq!(server.trusted().len(), 1);
    assert!(certify(&server).status.success());
    assert_eq!(server.with(|state| state.writes), 1);
    server.with(|state| state.forbids = true);
    let refused = certify(&server);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("403") && said.contains("forbidden"), "{said}");
    assert!(!said.contains("canary") && !said.contains("PRIVATE"), "{said}");
}
