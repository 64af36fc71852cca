//! Reading an upstream's answer whole.

use bytes::{Bytes, BytesMut};

use super::source::{Item, Source};
use crate::chat::ApiError;

/// Reads a body to its clean end, within `limit` bytes.
pub(in crate::proxy) async fn collect(source: &mut Source, limit: usize) -> Result<Bytes, ApiError> {
    let mut first: Option<Bytes> = None;
    let mut rest: Option<BytesMut> = None;
    loop {
        let data = match std::future::poll_fn(|cx| source.poll_next(cx)).await? {
            Item::Data(data) => data,
            Item::End => break,
            Item::Quiet => continue,
        };
        let held = rest.as_ref().map_or_else(|| first.as_ref().map_or(0, Bytes::len), BytesMut::len);
        if held + data.len() > limit {
            let message = format!("the upstream's answer is larger than {limit} bytes (server.max_response)");
            return Err(ApiError::upstream("upstream_invalid_response", message));
        }
        match (&mut rest, first.take()) {
            (Some(rest), _) => rest.extend_from_slice(&data),
            (None, None) => first = Some(data),
            (None, Some(begun)) => {
                let mut joined = BytesMut::with_capacity((begun.len() + data.len()) * 2);
                joined.extend_from_slice(&begun);
                joined.extend_from_slice(&data);
                rest = Some(joined);
            }
        }
        if source.is_end_stream() {
            break;
        }
    }
    Ok(rest.map(BytesMut::freeze).or(first).unwrap_or_default())
}
