//! The admin API over a store: what is made through it, who may, and what is left when something fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/postgres.rs"]
mod postgres;

mod crud;
mod killed;
mod money;
mod replicas;
mod roles;
mod rollout;
mod rotation;
mod security;

use serde_json::{Value, json};
use support::client::{Answer, Client};
use support::sidecar::Sidecar;
use support::upstream::Upstream;

pub const CANARY: &str = "sk-canary-77777777-secret";
/// Of the key that seals, in base64.
const KEK: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// With all three roles, one of its own, and a store.
pub fn config(store: &str, more: &str) -> String {
    format!(
        "admin:\n  listen: 127.0.0.1:0\n  allow_urls: ['http://127.0.0.1:*']\n  roles: {{auditor: ['audit:read']}}\n  tokens:\n  \
         - {{name: ann, role: admin, token: admin-token}}\n  - {{name: oli, role: operator, token: operator-token}}\n  \
         - {{name: vic, role: viewer, token: viewer-token}}\n  - {{name: aud, role: auditor, token: auditor-token}}\n\
         secrets: {{kek: {{env: KEK}}}}\nstore: {store}\n{more}"
    )
}

pub fn setting() -> support::sidecar::Setting {
    support::sidecar::Setting { env: vec![("KEK".into(), KEK.into())], ..Default::default() }
}

pub async fn start(more: &str) -> Sidecar {
    Sidecar::start_in(&config("{type: sqlite, path: store.db}", more), &setting()).await
}

/// Asks the admin API as this token.
pub async fn ask(sidecar: &Sidecar, token: &str, method: &str, path: &str, headers: &str, body: Option<&Value>) -> Answer {
    let mut client = Client::connect(sidecar.admin).await;
    let body = body.map(Value::to_string).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{kind}{headers}content-length: {length}\r\n\r\n");
    client.send(format!("{head}{body}")).await;
    client.answer().await
}

pub async fn admin(sidecar: &Sidecar, method: &str, path: &str, body: Option<&Value>) -> Answer {
    ask(sidecar, "admin-token", method, path, "", body).await
}

/// A provider at this upstream.
pub fn provider(name: &str, upstream: &Upstream) -> Value {
    let url = format!("http://{}/v1", upstream.address);
    let config = json!({"base_url": url, "api_key": CANARY, "models": ["m"], "retry": {"attempts": 1}});
    json!({"name": name, "provider_type": "openai_compatible", "config": config, "is_active": true})
}
