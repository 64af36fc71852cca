//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded.

mod property;
mod request;
mod stream;

use crate::dialect::{Quirks, Reply};

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

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
