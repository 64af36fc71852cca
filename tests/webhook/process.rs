//! The webhook as a process, and the API server's side of a connection to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;

pub struct Webhook {
    child: Child,
    pub folder: TempDir,
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
pub fn certify(folder: &Path) -> Vec<u8> {
    let certified = rcgen::generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
    std::fs::write(folder.join("tls.crt"), certified.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), certified.signing_key.serialize_pem()).unwrap();
    certified.cert.der().to_vec()
}

impl Webhook {
    /// With a certificate from files.
    pub fn start(settings: &str) -> (Self, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let certificate = certify(folder.path());
        std::fs::write(folder.path().join("settings.yaml"), settings).unwrap();
        let webhook = Self::spawn(folder, &["--tls-cert", "tls.crt", "--tls-key", "tls.key", "--settings", "settings.yaml"]);
        (webhook, certificate)
    }

    /// With these arguments, in this folder.
    pub fn spawn(folder: TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_llm-sidecar"))
            .args(["webhook", "--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"])
            .args(arguments)
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
        Self { child, folder, reviews, health }
    }

    /// Asks as the API server does, which trusts this certificate only. Status and body, or why there was no answer.
    pub fn ask(&self, certificate: &[u8], method: &str, path: &str, body: &[u8]) -> Result<(u16, String), String> {
        self.ask_as(&[certificate.to_vec().into()], "webhook.test", method, path, body)
    }

    /// The same for one that trusts these authorities, and knows the webhook by this name.
    pub fn ask_as(
        &self,
        authorities: &[CertificateDer<'static>],
        host: &'static str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<(u16, String), String> {
        let mut roots = rustls::RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.clone()).unwrap();
        }
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host).unwrap();
        let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(self.reviews).unwrap();
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        stream.write_all(body).map_err(|error| error.to_string())?;
        Ok(split(stream))
    }

    pub fn review(&self, certificate: &[u8], pod: &Value) -> Value {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u-1", "operation": "CREATE", "namespace": "shop", "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": pod}});
        let (status, body) = self.ask(certificate, "POST", "/mutate?timeout=5s", review.to_string().as_bytes()).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["response"].take()
    }

    pub fn plain(&self, path: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(self.health).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        split(socket)
    }

    /// When its certificate ends, as its metrics say: seconds since 1970.
    pub fn expiry(&self) -> u64 {
        let page = self.plain("/metrics").1;
        let line = page.lines().find_map(|line| line.strip_prefix("llm_sidecar_webhook_certificate_expiry_seconds "));
        line.unwrap().parse().unwrap()
    }

    /// Tells it to look at its files.
    pub fn hang_up(&self) {
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

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < by, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
