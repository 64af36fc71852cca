//! Messages of a stream, as they are written.

use bytes::BytesMut;
use serde::Serialize;

use crate::codec::aws;

/// Writes an event.
pub(super) fn event(kind: &str, payload: &impl Serialize, out: &mut BytesMut) {
    write("event", ":event-type", kind, payload, out);
}

/// Writes the exception that ends a stream.
pub(super) fn exception(class: &str, payload: &impl Serialize, out: &mut BytesMut) {
    write("exception", ":exception-type", class, payload, out);
}

fn write(message: &str, name: &str, kind: &str, payload: &impl Serialize, out: &mut BytesMut) {
    // Strings, numbers and trees of them always serialise.
    let payload = serde_json::to_vec(payload).unwrap_or_default();
    let mut bytes = Vec::with_capacity(payload.len() + 128);
    aws::write(&[(name, kind), (":content-type", "application/json"), (":message-type", message)], &payload, &mut bytes);
    out.extend_from_slice(&bytes);
}
