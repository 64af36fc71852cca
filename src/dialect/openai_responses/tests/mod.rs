//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded.

mod property;
mod read;
mod stream;
mod write;

use bytes::Bytes;

use crate::dialect::{Quirks, Reply};

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

fn reply(request: &serde_json::Value) -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "gpt-x".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 1,
        request: Bytes::from(request.to_string()),
    }
}
