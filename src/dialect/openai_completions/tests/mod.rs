//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded.

mod property;
mod request;
mod stream;

use crate::dialect::{Quirks, Reply};

static NO_QUIRKS: std::sync::LazyLock<Quirks> = std::sync::LazyLock::new(Quirks::default);

fn reply(request: &serde_json::Value) -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "m".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 7,
        request: request.to_string().into(),
    }
}
