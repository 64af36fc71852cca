//! The rest of a streamed answer on its way to an HTTP/1 client, when hyper has handed it over: nothing lies between the body and the
//! socket. hyper would keep two buffers of 8 KiB for each stream, of which a page each is touched, and go through a good part of
//! what it does for any answer with every chunk.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite};

use super::admitted::Admitted;
use super::chunk::Chunk;
use super::io::ClientIo;

/// How many chunks are written in one go while there are more, before others have their turn.
const MOST_ROUNDS: usize = 16;

pub(super) struct Streaming<S> {
    io: ClientIo<S>,
    /// `None` when it is over.
    body: Option<Admitted>,
    chunk: Chunk,
    /// The body broke off behind what is still to be written.
    is_broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Streaming<S> {
    pub(super) fn new(io: ClientIo<S>, body: Admitted) -> Self {
        Self { io, body: Some(body), chunk: Chunk::new(), is_broken: false }
    }

    /// The connection, for the next request.
    pub(super) fn into_io(self) -> ClientIo<S> {
        self.io
    }

    /// Ready when all of the body is written.
    ///
    /// # Errors
    /// The body broke off, the client did not take it or has gone: the connection is to be closed, so that nobody takes it for whole.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..MOST_ROUNDS {
            let io = &mut self.io;
            if let Some(polled) = self.chunk.left(|slices| Pin::new(io).poll_write_vectored(cx, slices)) {
                match polled {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => self.chunk.wrote(count),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return self.io.poll_gone(cx).map(Err),
                }
                continue;
            }
            self.gather(cx);
            if self.chunk.is_empty() {
                let flushed = Pin::new(&mut self.io).poll_flush(cx)?;
                if self.is_broken {
                    return Poll::Ready(Err(io::Error::other("the answer broke off")));
                }
                if self.body.is_none() {
                    return flushed.map(Ok);
                }
                return self.io.poll_gone(cx).map(Err);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what there is of the body.
    fn gather(&mut self, cx: &mut Context<'_>) {
        self.chunk.begin();
        while let Some(body) = self.body.as_mut().filter(|_| !self.is_broken && !self.chunk.is_full()) {
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame.into_data().into_iter().for_each(|piece| self.chunk.push(piece)),
                Poll::Ready(Some(Err(_))) => self.is_broken = true,
                Poll::Ready(None) => {
                    self.body = None;
                    self.chunk.end();
                }
                Poll::Pending => return,
            }
        }
    }
}
