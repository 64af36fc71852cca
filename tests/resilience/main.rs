//! Limits, breakers, retries and routing of the whole binary, against vendors that behave by script. The names R11 to R17 are
//! those of the project's resilience catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(clippy::float_cmp, reason = "counters and states are whole numbers")]

#[path = "../support/mod.rs"]
mod support;

mod breaker;
mod cache;
mod credentials;
mod degraded;
mod fallback;
mod hand;
mod hedge;
mod limits;
mod queue;
mod reload;
mod retries;
mod strategies;

use serde_json::Value;

use support::chat;
use support::upstream::{Script, Upstream};

/// A provider of the OpenAI dialect in flow style; `more` is further keys, each with a comma before it.
fn provider(name: &str, upstream: &Upstream, more: &str) -> String {
    let key = if more.contains("api_keys") { "" } else { ", api_key: sk-canary-0123456789" };
    format!(
        "  {name}: {{type: openai_compatible, base_url: \"http://{}/v1\", models: [m]{key}, \
         timeout: {{connect: 2s, first_token: 2s, idle: 2s, total: 10s}}{more}}}\n",
        upstream.address
    )
}

/// A chat request for this model.
fn request(model: &str, stream: bool) -> Value {
    let mut body = chat::request(stream);
    body["model"] = model.into();
    body
}

/// A stream that says `text`.
fn stream(text: &str) -> Script {
    Script::sse().chunk(chat::stream(&[text])).end()
}

/// A whole answer of 8 tokens.
fn whole(text: &str) -> Script {
    Script::json(200, &chat::completion(text))
}

/// A vendor's error answer, with further headers.
fn refusal(status: u16, headers: &[(&str, &str)]) -> Script {
    let body = r#"{"error":{"message":"not now","type":"server_error","param":null,"code":null}}"#;
    let length = body.len().to_string();
    let all: Vec<(&str, &str)> =
        [("content-type", "application/json"), ("content-length", length.as_str())].into_iter().chain(headers.iter().copied()).collect();
    Script::head(status, &all).raw(body)
}

const ADMIN: &str = "admin: {listen: 127.0.0.1:0, tokens: [{name: ops, role: operator, token: operator-token}, \
                     {name: eye, role: viewer, token: viewer-token}]}\n";
