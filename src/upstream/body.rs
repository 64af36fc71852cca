//! Bodies to and from upstreams.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http::header::CONNECTION;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use super::error::{SendError, SendErrorKind};
use super::http1::Http1;
use super::http2::StreamGuard;
use super::parted::Parted;
use super::pool::OriginPool;
use crate::base::parts::Parts;

/// A request's body: bytes at hand, or a client's upload passed on as it comes.
pub enum RequestBody {
    Full(Parts),
    Stream(UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>),
}

impl RequestBody {
    pub fn empty() -> Self {
        Self::Full(Parts::default())
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes.into())
    }
}

impl From<Parts> for RequestBody {
    fn from(parts: Parts) -> Self {
        Self::Full(parts)
    }
}

impl http_body::Body for RequestBody {
    type Data = Parts;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Parts>, Self::Error>>> {
        match self.get_mut() {
            Self::Full(parts) if parts.is_empty() => Poll::Ready(None),
            // Both at once: hyper would write a second frame by itself, behind a long first one.
            Self::Full(parts) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(parts))))),
            Self::Stream(body) => Pin::new(body).poll_frame(cx).map_ok(|frame| frame.map_data(Parts::from)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(parts) => parts.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(parts) => SizeHint::with_exact(parts.len() as u64),
            Self::Stream(body) => body.size_hint(),
        }
    }
}

/// An answer's body. Reading it drives the connection it comes on; reading it to its end gives the connection back to the
/// pool, dropping it earlier closes the connection (HTTP/1) or resets the stream (HTTP/2).
pub struct Body {
    source: Source,
}

enum Source {
    /// Read by hyper.
    Http1 {
        incoming: Incoming,
        connection: Http1,
        pool: Arc<OriginPool>,
        /// The head says something of the connection, which may be that it closes.
        may_close: bool,
    },
    /// Read from the connection, which hyper has given back.
    Parted {
        parted: Parted,
        pool: Arc<OriginPool>,
    },
    Http2 {
        incoming: Incoming,
        _stream: StreamGuard,
    },
    /// The body was read to its end.
    Over,
    Broken,
}

impl Body {
    /// Of an answer on an HTTP/1 connection, with the answer's head.
    pub(super) fn http1(head: &http::response::Parts, incoming: Incoming, connection: Http1, pool: Arc<OriginPool>) -> Self {
        let is_over = incoming.is_end_stream();
        let source = match connection.part() {
            Ok((stream, rest)) => Source::Parted { parted: Parted::new(stream, rest, head, incoming.size_hint().exact()), pool },
            Err(connection) => {
                let may_close = head.version != Version::HTTP_11 || head.headers.contains_key(CONNECTION);
                Source::Http1 { incoming, connection, pool, may_close }
            }
        };
        let mut body = Self { source };
        if is_over {
            body.release();
        }
        body
    }

    pub(super) fn http2(incoming: Incoming, stream: StreamGuard) -> Self {
        Self { source: Source::Http2 { incoming, _stream: stream } }
    }

    /// The declared length that is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1 { incoming, .. } | Source::Http2 { incoming, .. } => incoming.size_hint(),
            Source::Parted { parted, .. } => parted.size_hint(),
            Source::Over => SizeHint::with_exact(0),
            Source::Broken => SizeHint::default(),
        }
    }

    pub fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1 { incoming, .. } | Source::Http2 { incoming, .. } => incoming.is_end_stream(),
            Source::Parted { parted, .. } => parted.is_over(),
            Source::Over => true,
            Source::Broken => false,
        }
    }

    /// All of the body, if that is no more than `most` bytes.
    pub async fn collect(mut self, most: usize) -> Result<Vec<u8>, SendError> {
        let mut all = Vec::new();
        while let Some(bytes) = std::future::poll_fn(|cx| self.poll_data(cx)).await {
            let bytes = bytes?;
            if all.len() + bytes.len() > most {
                return Err(SendError::new(SendErrorKind::Protocol, format_args!("a body of more than {most} bytes")));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// The next bytes; `None` at the clean end. Trailers are passed over.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
        let polled = match &mut self.source {
            Source::Http1 { incoming, connection, .. } => {
                let mut next = Poll::Pending;
                let driven = connection.drive(cx, |cx| {
                    next = poll_incoming(incoming, cx);
                    next.is_ready()
                });
                if let Poll::Ready(Err(closed)) = driven {
                    let within = || SendError::new(SendErrorKind::Reset, "the connection closed within the body");
                    next = Poll::Ready(Some(Err(closed.unwrap_or_else(within))));
                }
                next
            }
            Source::Http2 { incoming, .. } => poll_incoming(incoming, cx),
            Source::Parted { parted, .. } => parted.poll_data(cx),
            Source::Over | Source::Broken => Poll::Ready(None),
        };
        match &polled {
            Poll::Ready(Some(Err(_))) => self.source = Source::Broken,
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(Ok(_))) if self.is_end_stream() => self.release(),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    /// The body is at its end: the connection can serve the next request.
    fn release(&mut self) {
        let over = if matches!(self.source, Source::Broken) { Source::Broken } else { Source::Over };
        match std::mem::replace(&mut self.source, over) {
            Source::Http1 { mut connection, pool, may_close, .. } => {
                // The connection takes note that the answer is over when it is polled next: at once, or when it is used again.
                if !(may_close && connection.is_closed()) {
                    pool.put(connection);
                }
            }
            Source::Parted { parted, pool } => {
                if let Some(stream) = parted.into_stream() {
                    pool.put(Http1::new(stream));
                }
            }
            Source::Http2 { .. } | Source::Over | Source::Broken => {}
        }
    }
}

/// The next piece of a body that is data.
fn poll_incoming(incoming: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
    loop {
        let Some(frame) = ready!(Pin::new(&mut *incoming).poll_frame(cx)) else { return Poll::Ready(None) };
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => return Poll::Ready(Some(Ok(data))),
            Ok(Err(_trailers)) => {}
            Err(error) => return Poll::Ready(Some(Err(SendError::from_hyper(&error)))),
        }
    }
}
