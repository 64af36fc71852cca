//! Drives any dialect's stream codecs in tests, through the dialect's own framing as the relay does.

use bytes::BytesMut;

use super::{Dialect, Reply};
use crate::chat::{ApiError, Event};

/// The events of a stream that comes in these pieces, and how it ended.
pub(super) fn decode(dialect: &dyn Dialect, pieces: &[&[u8]]) -> (Vec<Event>, Result<(), ApiError>) {
    let framing = dialect.framing();
    let (mut decoder, mut splitter, mut held, mut out) = (dialect.decoder(), framing.splitter(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while let Some(end) = splitter.frame_end(rest) {
            held.extend_from_slice(&rest[..end]);
            if let Some(frame) = framing.read(&held).unwrap()
                && let Err(error) = decoder.frame(frame.name, &frame.data, &mut out)
            {
                return (out, Err(error));
            }
            held.clear();
            rest = &rest[end..];
        }
        held.extend_from_slice(rest);
    }
    let end = decoder.end(&mut out);
    (out, end)
}

/// The stream of these events, for a client that asked so.
pub(super) fn encode(dialect: &dyn Dialect, reply: &Reply, events: Vec<Event>) -> Vec<u8> {
    let (mut encoder, mut out) = (dialect.encoder(reply), BytesMut::new());
    events.into_iter().for_each(|event| encoder.event(event, &mut out));
    out.to_vec()
}
