//! The admission webhook as the API server uses it: the whole binary, over TLS, with certificates that change under it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail, and it waits"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Webhook {
    child: Child,
    folder: TempDir,
    reviews: SocketAddr,
    health: SocketAddr,
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a certificate and its key, and gives the certificate.
fn certify(folder: &Path) -> Vec<u8> {
    let certified = rcgen::generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), certified.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), certified.signing_key.serialize_pem()).unwrap();
    certified.cert.der().to_vec()
}

impl Webhook {
    fn start(settings: &str) -> (Self, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let certificate = certify(folder.path());
        std::fs::write(folder.path().join("settings.yaml"), settings).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"))
            .args(["webhook", "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"])
            .args(["--tls-cert", "tls.crt", "--tls-key", "tls.key", "--settings", "settings.yaml"])
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = || {
            let listens = |line: Result<String, _>| serde_json::from_str::<Value>(&line.unwrap()).ok()?["address"].as_str()?.parse().ok();
            lines.by_ref().find_map(listens).expect("it listens")
        };
        let (reviews, health) = (address(), address());
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (Self { child, folder, reviews, health }, certificate)
    }

    /// Asks as the API server does, which trusts this certificate only. Status and body, or why there was no answer.
    fn ask(&self, certificate: &[u8], method: &str, path: &str, body: &[u8]) -> Result<(u16, String), String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.to_vec().into()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("webhook.test").unwrap();
        let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(self.reviews).unwrap();
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        let head = format!("{method} {path} HTTP/1.1\r\nhost: webhook.test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        stream.write_all(body).map_err(|error| error.to_string())?;
        Ok(split(stream))
    }

    fn review(&self, certificate: &[u8], pod: &Value) -> Value {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": "shop", "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": pod}});
        let (status, body) = self.ask(certificate, "POST", "/mutate?timeout=5s", review.to_string().as_bytes()).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["response"].take()
    }

    fn plain(&self, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.health).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        split(socket)
    }

    /// Tells it to look at its files.
    fn hang_up(&self) {
        assert!(Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success());
    }
}

fn split(mut stream: impl Read) -> (u16, String) {
    let mut answer = Vec::new();
    // A peer that closes without TLS's own goodbye is none of our business here.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), body.to_owned())
}

fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "app", "image": "app"}]}})
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < by, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
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
    let refused = webhook.review(&certificate, &host);
    assert_eq!(refused["allowed"], false);
    assert!(refused["status"]["message"].as_str().unwrap().contains("gateway"));
    assert_eq!(webhook.ask(&certificate, "POST", "/mutate", b"{}").unwrap().0, 400);
    assert_eq!(webhook.ask(&certificate, "GET", "/mutate", b"").unwrap().0, 405);
    assert_eq!(webhook.ask(&certificate, "POST", "/other", b"{}").unwrap().0, 404);
    assert_eq!(webhook.plain("/readyz").0, 200);
    let metrics = webhook.plain("/metrics").1;
    for line in [
        r#"llm_sidecar_injections_total{result="injected",reason="none"} 1"#,
        r#"llm_sidecar_injections_total{result="refused",reason="host_network"} 1"#,
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
