//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded.

mod property;
mod request;
mod stream;

use crate::dialect::{Quirks, Reply};

/// Some models think by level.
static QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(|| {
    let rule = serde_json::json!({"models": [{"names": ["gpt-oss*"], "request": {"think_by_level": true}}]});
    Quirks::default().overlay(&rule).unwrap()
});

fn reply() -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "qwen3".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 1,
        request: bytes::Bytes::new(),
    }
}
