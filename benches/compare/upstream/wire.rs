//! Answers as they are sent, made beforehand.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::Asked;
use crate::answers::{Format, STAMP, Script, headers, whole};

/// One event of a stream.
pub struct Piece {
    /// With the framing of HTTP/1.1's chunks around it.
    framed: Bytes,
    /// Where the event lies in `framed`.
    begin: usize,
    end: usize,
    /// Where the time goes in `framed`.
    stamp: Option<usize>,
}

/// Answers by what was asked.
#[derive(Default)]
pub struct Answers {
    whole: HashMap<Format, Bytes>,
    heads: HashMap<(Format, bool, bool), Bytes>,
    streamed: HashMap<(Format, usize, bool), Rc<[Piece]>>,
}

impl Answers {
    pub fn whole(&mut self, format: Format) -> Bytes {
        self.whole.entry(format).or_insert_with(|| whole(format).into()).clone()
    }

    /// The head of an answer of HTTP/1.1; `last`: the connection closes after it.
    pub fn head(&mut self, asked: &Asked, last: bool) -> Bytes {
        if let Some(made) = self.heads.get(&(asked.format, asked.stream, last)) {
            return made.clone();
        }
        let close = if last { "connection: close\r\n" } else { "" };
        let body = if asked.stream {
            "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n".to_owned()
        } else {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", self.whole(asked.format).len())
        };
        let made = Bytes::from(format!("HTTP/1.1 200 OK\r\n{body}{close}{}\r\n", headers(asked.format)));
        self.heads.insert((asked.format, asked.stream, last), made.clone());
        made
    }

    pub fn streamed(&mut self, asked: &Asked) -> Rc<[Piece]> {
        let key = (asked.format, asked.chunks, asked.stamped);
        Rc::clone(self.streamed.entry(key).or_insert_with(|| pieces(&Script::new(asked.format, asked.chunks, asked.stamped))))
    }
}

impl Piece {
    /// Whether it is to wait for its time.
    pub fn is_content(&self) -> bool {
        self.stamp.is_some()
    }

    /// The event as a chunk of HTTP/1.1, with the present time in it if it has a place for it.
    pub fn framed(&self) -> anyhow::Result<Bytes> {
        let Some(stamp) = self.stamp else { return Ok(self.framed.clone()) };
        let mut bytes = self.framed.to_vec();
        if let Some(place) = bytes.get_mut(stamp..stamp + STAMP) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            place.copy_from_slice(format!("{now:019}").as_bytes());
        }
        Ok(bytes.into())
    }

    /// The same without the framing.
    pub fn event(&self) -> anyhow::Result<Bytes> {
        Ok(self.framed()?.slice(self.begin..self.end))
    }
}

fn pieces(script: &Script) -> Rc<[Piece]> {
    let mut stamps = script.stamps.iter().copied().peekable();
    let pieces = script.events().map(|place| {
        let mut bytes = format!("{:x}\r\n", place.len()).into_bytes();
        let begin = bytes.len();
        let stamp = stamps.next_if(|at| place.contains(at)).map(|at| at - place.start + begin);
        bytes.extend_from_slice(script.bytes.get(place).unwrap_or_default());
        let end = bytes.len();
        bytes.extend_from_slice(b"\r\n");
        Piece { framed: bytes.into(), begin, end, stamp }
    });
    pieces.collect()
}
