//! The bytes below hyper on an HTTP/1 connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head_end::HeadEnd;
use super::hold::Hold;
use super::stream::Stream;

/// A stream that can stop at the end of an answer's head.
pub(super) struct Io {
    pub stream: Stream,
    hold: Arc<Hold>,
    head_end: HeadEnd,
    /// What came with the head and is behind it.
    pub rest: BytesMut,
}

impl Io {
    pub(super) fn new(stream: Stream, hold: Arc<Hold>) -> Self {
        Self { stream, hold, head_end: HeadEnd::default(), rest: BytesMut::new() }
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.hold.is_held() {
            // Whoever holds it polls again.
            return Poll::Pending;
        }
        if !this.rest.is_empty() {
            let fits = this.rest.len().min(buf.remaining());
            buf.put_slice(this.rest.get(..fits).unwrap_or_default());
            this.rest.advance(fits);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if this.hold.is_armed() {
            let new = buf.filled().get(before..).unwrap_or_default();
            if let Some(end) = this.head_end.find(new) {
                this.rest.extend_from_slice(new.get(end..).unwrap_or_default());
                buf.set_filled(before + end);
                this.head_end = HeadEnd::default();
                this.hold.stop();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.hold.flushed(false);
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.hold.flushed(false);
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written all that it has.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.hold.flushed(matches!(flushed, Poll::Ready(Ok(()))));
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
