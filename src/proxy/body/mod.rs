//! Answers' bodies. [`Body`] is what the server sends; each kind of it carries the request's meter.

pub(super) mod collect;
pub(super) mod decompress;
pub(super) mod event_stream;
pub(super) mod raw;
mod replay;
pub(super) mod source;
mod whole;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use event_stream::EventStream;
use raw::Raw;
pub(super) use replay::Replay;
pub(super) use whole::Whole;

/// A body on its way to a client.
pub enum Body {
    /// An answer at hand.
    Whole(Whole),
    /// A stream of events, relayed or translated.
    Events(Box<EventStream>),
    /// A stream told again from the cache.
    Replay(Box<Replay>),
    /// Bytes passed on as they come.
    Raw(Box<Raw>),
}

/// Ends a body uncleanly: HTTP/1 closes without the last chunk, HTTP/2 resets the stream. The client cannot take it for whole.
#[derive(Debug)]
pub struct Aborted;

impl std::fmt::Display for Aborted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Aborted {}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Replay(body) => Poll::Ready(body.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(body) => body.poll_data(cx).map(|data| data.map(|bytes| bytes.map(Frame::data))),
            Self::Raw(body) => body.poll_data(cx).map(|data| data.map(|bytes| bytes.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_empty(),
            Self::Events(_) => false,
            Self::Replay(body) => body.is_empty(),
            Self::Raw(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.len() as u64),
            Self::Events(_) | Self::Replay(_) => SizeHint::default(),
            Self::Raw(body) => body.size_hint(),
        }
    }
}
