//! Streamed answers: decoded and written in every dialect, and relayed.

use bytes::BytesMut;
use llm_sidecar::chat::{ApiError, Event};
use llm_sidecar::dialect::{Dialect, Quirks, Seen, Verdict};

use super::input::{chosen, dialects, frames, numbers, reply};

/// The first byte names the vendor's dialect, the next two where the stream is cut; the rest is the stream.
pub fn stream(data: &[u8]) {
    let Some((vendor, data)) = chosen(data) else { return };
    let Some((at, size, data)) = numbers(data) else { return };
    let (events, ended) = decode(vendor, [data].into_iter());
    let (first, second) = data.split_at(usize::from(at).min(data.len()));
    let pieces = [first].into_iter().chain(second.chunks(usize::from(size).max(1)));
    assert_eq!(decode(vendor, pieces), (events.clone(), ended.clone()), "pieces matter");
    assert_eq!(ended.is_ok(), events.contains(&Event::Done), "an answer is whole if, and only if, it has ended: {ended:?}");
    for client in dialects() {
        let (mut encoder, mut out) = (client.encoder(&reply()), BytesMut::new());
        for event in &events {
            match event {
                Event::Error(error) => {
                    client.write_error_event(error, &mut out);
                    break;
                }
                event => encoder.event(event.clone(), &mut out),
            }
        }
        check_frames(client, &out);
    }
}

/// The events of a stream that comes in pieces. Ids that the sidecar makes up are the same every time.
fn decode<'a>(vendor: &dyn Dialect, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Result<(), ApiError>) {
    fastrand::seed(1);
    let (framing, mut decoder, mut out) = (vendor.framing(), vendor.decoder(), Vec::new());
    for raw in frames(framing, pieces) {
        let Ok(frame) = framing.read(&raw) else {
            return (out, Err(ApiError::internal("not a frame")));
        };
        let Some(frame) = frame else { continue };
        let taken = decoder.frame(frame.name, &frame.data, &mut out);
        // The proxy ends the stream at either of these.
        if let Some(Event::Error(error)) = out.iter().find(|event| matches!(event, Event::Error(_))) {
            let error = error.clone();
            return (out, Err(error));
        }
        if taken.is_err() || out.contains(&Event::Done) {
            return (out, taken);
        }
    }
    let ended = decoder.end(&mut out);
    (out, ended)
}

/// What was written are whole frames of the dialect.
fn check_frames(dialect: &dyn Dialect, out: &[u8]) {
    let frames = frames(dialect.framing(), [out].into_iter());
    assert_eq!(frames.iter().map(Vec::len).sum::<usize>(), out.len(), "{:?} writes half a frame", dialect.id());
    for frame in frames {
        assert!(dialect.framing().read(&frame).is_ok(), "{:?} writes what is no frame", dialect.id());
    }
}

/// The first byte names the dialect; the rest is a stream that is relayed.
pub fn relay(data: &[u8]) {
    let Some((dialect, data)) = chosen(data) else { return };
    let (quirks, mut seen, mut out) = (Quirks::default(), Seen::default(), Vec::new());
    let mut tap = dialect.tap(&reply(), &quirks);
    for raw in frames(dialect.framing(), [data].into_iter()) {
        match tap.event(&raw, &mut seen) {
            Verdict::Pass => out.extend_from_slice(&raw),
            Verdict::Replace(bytes) => out.extend_from_slice(&bytes),
            Verdict::Drop => {}
            Verdict::Fail(_) => return,
        }
        if seen.done {
            break;
        }
    }
    if !seen.done {
        match tap.end(&mut seen) {
            Ok(owed) => out.extend_from_slice(&owed),
            Err(_) => return,
        }
    }
    assert!(seen.done, "a stream that ended well has not ended");
    check_frames(dialect, &out);
}
