//! Tests of the dialect as a whole: requests read and written, streams decoded and encoded.

mod property;
mod read;
mod relay;
mod stream;
mod write;

use crate::dialect::Reply;

fn reply() -> Reply {
    Reply {
        requested_model: "fast".into(),
        upstream_model: "us.amazon.nova-micro-v1:0".into(),
        include_usage: true,
        prompt_estimate: 0,
        created: 1,
        request: bytes::Bytes::new(),
    }
}
