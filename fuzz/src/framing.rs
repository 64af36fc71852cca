//! Framings: a stream's frames do not depend on the pieces it comes in.

use llm_sidecar::codec::{Framing, aws};

use super::input::{frames, numbers};

/// The first byte names the framing, the next two where the stream is cut; the rest is the stream.
pub fn framing(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let Some(framing) = [Framing::Sse, Framing::JsonLines, Framing::Aws].get(usize::from(*first)) else { return };
    let Some((at, size, data)) = numbers(data) else { return };
    let whole = frames(*framing, [data].into_iter());
    let (first, second) = data.split_at(usize::from(at).min(data.len()));
    let pieces = [first].into_iter().chain(second.chunks(usize::from(size).max(1)));
    let pieced = frames(*framing, pieces);
    // The line feed of a cut CRLF goes with the next frame.
    assert_eq!(told(*framing, &pieced), told(*framing, &whole), "pieces matter");
    assert!([&whole, &pieced].into_iter().all(|frames| data.starts_with(&frames.concat())), "bytes were lost");
    assert!(whole.iter().all(|frame| !frame.is_empty()), "a frame has no bytes");
    let mut message = Vec::new();
    aws::write(&[(":event-type", "x"), (":message-type", "event")], data, &mut message);
    let read = aws::read(&message).expect("what was written can be read");
    assert_eq!((read.name(), read.payload), (&b"x"[..], data));
}

/// A frame's name and payload.
type Told = (Vec<u8>, Vec<u8>);

/// What frames say, up to the first that is none; the flag tells whether there is one.
fn told(framing: Framing, frames: &[Vec<u8>]) -> (Vec<Told>, bool) {
    let mut told = Vec::new();
    for raw in frames {
        match framing.read(raw) {
            Ok(Some(frame)) => told.push((frame.name.to_vec(), frame.data.into_owned())),
            Ok(None) => {}
            Err(_) => return (told, true),
        }
    }
    (told, false)
}
