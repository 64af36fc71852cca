//! Credentials that have to be fetched, with the whole binary: token servers and vendors that behave by script.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

#[path = "../support/mod.rs"]
mod support;

mod aws;
mod entra;
mod google;
mod tokens;

use serde_json::{Value, json};

use support::sidecar::Sidecar;
use support::upstream::{Script, Upstream};

/// In every secret of these tests.
const CANARY: &str = "canary";

/// A chat request for a model.
fn request(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}

/// A Gemini answer.
fn generated() -> Script {
    Script::json(
        200,
        &json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 1, "totalTokenCount": 3}, "modelVersion": "g"}),
    )
}

/// An OAuth token.
fn token(text: &str, expires_in: u64) -> Script {
    Script::json(200, &json!({"access_token": text, "expires_in": expires_in, "token_type": "Bearer"}))
}

/// Writes a credentials file into a folder of its own.
fn file(content: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    std::fs::write(&path, content).unwrap();
    let name = path.display().to_string();
    (folder, name)
}

/// The credentials of every request that the vendor got.
fn credentials(vendor: &Upstream) -> Vec<String> {
    vendor.requests().iter().map(|seen| seen.header("authorization").unwrap_or_default().to_owned()).collect()
}

/// Nothing that the sidecar said holds a secret.
fn keeps_secrets(sidecar: &Sidecar, answers: &[String]) {
    for text in sidecar.log().iter().chain(answers) {
        assert!(!text.contains(CANARY), "{text}");
    }
}
