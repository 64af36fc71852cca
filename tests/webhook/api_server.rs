//! As much of a Kubernetes API server as the webhook's certificate needs: one Secret, one MutatingWebhookConfiguration, its version.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "token-canary-0123456789";
const SECRET: &str = "/api/v1/namespaces/llm/secrets/injector-tls";
const CONFIGURATION: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/injector.llm";

pub struct ApiServer {
    pub address: SocketAddr,
    /// What a pod's service account looks like: `token` and `ca.crt`.
    pub account: TempDir,
    state: Arc<Mutex<State>>,
}

pub struct State {
    pub secret: Option<Value>,
    pub configuration: Value,
    pub minor: &'static str,
    /// Answer 403 to everything.
    pub forbids: bool,
    /// Changes so far, and changes that came too late.
    pub writes: usize,
    pub conflicts: usize,
}

impl ApiServer {
    /// With an empty Secret, as the chart makes it.
    pub fn start() -> Self {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let account = tempfile::tempdir().unwrap();
        std::fs::write(account.path().join("ca.crt"), certified.cert.pem()).unwrap();
        std::fs::write(account.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(certified.signing_key.serialize_pem().as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let webhook = |name: &str| json!({"name": name, "clientConfig": {"service": {"name": "injector", "namespace": "llm"}}});
        let state = Arc::new(Mutex::new(State {
            secret: Some(json!({"metadata": {"name": "injector-tls", "resourceVersion": "1"}, "type": "Opaque"})),
            configuration: json!({"metadata": {"name": "injector.llm"}, "webhooks": [webhook("a.dev"), webhook("b.dev")]}),
            minor: "31+",
            forbids: false,
            writes: 0,
            conflicts: 0,
        }));
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                std::thread::spawn(move || serve(socket.unwrap(), config, &state));
            }
        });
        Self { address, account, state }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Whom it trusts as a webhook: the first entry's `caBundle`.
    pub fn trusted(&self) -> Vec<CertificateDer<'static>> {
        let bundle = self.with(|state| state.configuration["webhooks"][0]["clientConfig"]["caBundle"].clone());
        let pem = STANDARD.decode(bundle.as_str().unwrap_or_default()).unwrap();
        CertificateDer::pem_slice_iter(&pem).map(|read| read.unwrap().into_owned()).collect()
    }
}

fn serve(mut socket: TcpStream, config: Arc<rustls::ServerConfig>, state: &Mutex<State>) {
    let mut session = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let mut reader = BufReader::new(&mut stream);
    let (mut lines, mut line) = (Vec::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        lines.push(std::mem::take(&mut line).trim().to_owned());
    }
    let Some(first) = lines.first().cloned() else { return };
    let header = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let words: Vec<&str> = first.split(' ').collect();
    let is_known = header("authorization").is_some_and(|sent| sent == format!("Bearer {TOKEN}"));
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) =
        if is_known { answer(&mut state.lock().unwrap(), words[0], words[1], body) } else { (401, json!({"message": "Unauthorized"})) };
    let answer = answer.to_string();
    let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
    session.send_close_notify();
    let _ = session.complete_io(&mut socket);
}

fn answer(state: &mut State, method: &str, path: &str, body: Value) -> (u16, Value) {
    if state.forbids {
        return (403, json!({"message": "it is forbidden"}));
    }
    match (method, path, state.secret.clone()) {
        ("GET", "/version", _) => (200, json!({"major": "1", "minor": state.minor})),
        ("GET", SECRET, Some(secret)) => (200, secret),
        ("POST", "/api/v1/namespaces/llm/secrets", None) => write(state, body),
        ("PUT", SECRET, Some(secret)) if body["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"] => write(state, body),
        ("PUT" | "POST", _, Some(_)) => {
            state.conflicts += 1;
            (409, json!({"message": "the object has been modified"}))
        }
        ("GET", CONFIGURATION, _) => (200, state.configuration.clone()),
        ("PATCH", CONFIGURATION, _) => {
            for step in body.as_array().unwrap() {
                let (parent, key) = step["path"].as_str().unwrap().rsplit_once('/').unwrap();
                let place = state.configuration.pointer_mut(parent).unwrap();
                match step["op"].as_str() {
                    Some("test") => assert_eq!(place[key], step["value"]),
                    Some("add") => place[key] = step["value"].clone(),
                    other => panic!("{other:?}"),
                }
            }
            (200, state.configuration.clone())
        }
        _ => (404, json!({"message": "there is none"})),
    }
}

fn write(state: &mut State, mut secret: Value) -> (u16, Value) {
    state.writes += 1;
    secret["metadata"]["resourceVersion"] = (state.writes + 1).to_string().into();
    state.secret = Some(secret.clone());
    (200, secret)
}
