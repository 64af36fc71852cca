//! Whole answers and errors: read, and written in every dialect.

use bytes::{Bytes, BytesMut};
use llm_sidecar::chat::unfold;
use llm_sidecar::dialect::Quirks;

use super::input::{chosen, dialects, reply};

/// The first byte names the vendor's dialect; the rest is the answer's body.
pub fn answer(data: &[u8]) {
    let Some((vendor, body)) = chosen(data) else { return };
    let _ = vendor.edit_response(Bytes::copy_from_slice(body), &reply(), &Quirks::default());
    let Ok(response) = vendor.read_response(body) else { return };
    for client in dialects() {
        let written = client.write_response(response.clone(), &reply());
        client.read_response(&written).unwrap_or_else(|error| {
            panic!("{:?} writes an answer it cannot read: {error}\n{}", client.id(), String::from_utf8_lossy(&written))
        });
        let (mut encoder, mut events, mut out) = (client.encoder(&reply()), Vec::new(), BytesMut::new());
        unfold(response.clone(), &mut events);
        events.into_iter().for_each(|event| encoder.event(event, &mut out));
    }
}

/// The first byte names the vendor's dialect, the second the status; the rest is the error's body.
pub fn error(data: &[u8]) {
    let Some((vendor, data)) = chosen(data) else { return };
    let Some((status, body)) = data.split_first() else { return };
    let error = vendor.read_error(400 + u16::from(*status) % 200, body);
    assert!((400..600).contains(&error.status), "{}", error.status);
    for client in dialects() {
        let written = client.write_error(&error, "req_1");
        assert!((400..600).contains(&client.client_status(&error)));
        let told = client.read_error(error.status, &written);
        assert!((400..600).contains(&told.status), "{}", told.status);
        let mut out = BytesMut::new();
        client.write_error_event(&error, &mut out);
    }
}
