//! The framings a streamed answer can have, behind one face: where frames end, what one holds, what the body is called.

use std::borrow::Cow;

use super::{aws, lines, sse};

/// How a stream's bytes are divided into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// JSON Lines.
    JsonLines,
    /// AWS's binary event stream.
    Aws,
}

/// One frame: its event's name, empty where there is none, and its payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub name: &'a [u8],
    pub data: Cow<'a, [u8]>,
}

/// The bytes are not a frame of their framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of its framing")]
pub struct Malformed;

impl Framing {
    /// The media type of a stream.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::JsonLines => "application/x-ndjson",
            Self::Aws => "application/vnd.amazon.eventstream",
        }
    }

    /// Whether a body of this media type is a stream. Some servers call JSON Lines otherwise.
    pub fn is_stream(self, content_type: &str) -> bool {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        is(self.content_type()) || self == Self::JsonLines && ["application/jsonl", "application/stream+json"].into_iter().any(is)
    }

    /// What completes a last frame whose end is missing; empty where a frame without its end is cut.
    pub fn closing(self) -> &'static [u8] {
        match self {
            Self::Sse => b"\n\n",
            Self::JsonLines => b"\n",
            Self::Aws => b"",
        }
    }

    pub fn splitter(self) -> Splitter {
        match self {
            Self::Sse => Splitter::Sse(sse::Splitter::default()),
            Self::JsonLines => Splitter::JsonLines,
            Self::Aws => Splitter::Aws(aws::Splitter::default()),
        }
    }

    /// Reads one frame's bytes. `None` for a frame that says nothing: a comment, a blank line.
    pub fn read(self, bytes: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
        Ok(match self {
            Self::Sse => sse::read(bytes).map(|event| Frame { name: event.name, data: event.data }),
            Self::JsonLines => lines::read(bytes).map(|line| Frame { name: b"", data: Cow::Borrowed(line) }),
            Self::Aws => {
                let message = aws::read(bytes).ok_or(Malformed)?;
                Some(match message.fault() {
                    Some(fault) => Frame { name: aws::FAULT.as_bytes(), data: Cow::Owned(fault) },
                    None => Frame { name: message.name(), data: Cow::Borrowed(message.payload) },
                })
            }
        })
    }
}

/// Finds the ends of frames, keeping its place across chunks that may be split anywhere.
#[derive(Clone, Debug)]
pub enum Splitter {
    Sse(sse::Splitter),
    JsonLines,
    Aws(aws::Splitter),
}

impl Splitter {
    /// The offset just past the current frame, or `None` when `bytes` ends before it. Call it again with the bytes after that
    /// offset for the next frame. What cannot be a frame ends at once; reading it then fails.
    pub fn frame_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Sse(splitter) => splitter.event_end(bytes),
            Self::JsonLines => lines::line_end(bytes),
            Self::Aws(splitter) => splitter.message_end(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Option<(Vec<u8>, Vec<u8>)>, Malformed>;

    fn frames(framing: Framing, pieces: &[&[u8]]) -> Vec<Read> {
        let (mut splitter, mut held, mut found) = (framing.splitter(), Vec::new(), Vec::new());
        let closing = framing.closing();
        for piece in pieces.iter().chain([&closing]) {
            let mut rest = *piece;
            while let Some(end) = splitter.frame_end(rest).filter(|_| !rest.is_empty()) {
                held.extend_from_slice(&rest[..end]);
                found.push(framing.read(&held).map(|frame| frame.map(|f| (f.name.to_vec(), f.data.to_vec()))));
                held.clear();
                rest = &rest[end..];
            }
            held.extend_from_slice(rest);
        }
        found
    }

    #[test]
    fn every_framing_reads_alike_at_every_split() {
        let mut aws = Vec::new();
        aws::write(&[(":event-type", "a"), (":message-type", "event")], b"{\"x\":1}", &mut aws);
        aws::write(&[(":message-type", "exception"), (":exception-type", "b")], b"", &mut aws);
        for (framing, stream, expected) in [
            (Framing::Sse, &b": x\n\nevent: a\ndata: {}\n\ndata: 1"[..], 2),
            (Framing::JsonLines, b"{\"a\":\"\xC3\xA9\"}\r\n\n{}\n[1]", 3),
            (Framing::Aws, &aws, 2),
        ] {
            let whole = frames(framing, &[stream]);
            assert_eq!(whole.iter().filter(|frame| !matches!(frame, Ok(None))).count(), expected);
            for at in 0..=stream.len() {
                assert_eq!(frames(framing, &[&stream[..at], &stream[at..]]), whole, "{framing:?} split at {at}");
            }
            assert_eq!(frames(framing, &stream.chunks(1).collect::<Vec<_>>()), whole, "{framing:?}");
        }
    }

    #[test]
    fn streams_are_told_by_their_media_type() {
        assert!(Framing::Sse.is_stream("text/event-stream; charset=utf-8"));
        assert!(Framing::JsonLines.is_stream("Application/X-NDJSON"));
        assert!(!Framing::JsonLines.is_stream("application/json"));
        assert!(!Framing::Sse.is_stream("text/event-streams"));
    }
}
