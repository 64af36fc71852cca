//! A client's connection with its times: how long it may be idle, how long its request's head may take, and how long it may
//! leave its answer unread. One timer, moved only when it fires.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::handover::Handover;
use crate::proxy::{ClientConnection, Phase};

/// The most that is read of what a client sends while it gets a stream.
const MOST_AHEAD: usize = 512;

#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub keep_alive: Duration,
    pub head: Duration,
    pub write: Duration,
}

pub(super) struct ClientIo<S> {
    pub stream: S,
    connection: Arc<ClientConnection>,
    handover: Arc<Handover>,
    limits: Limits,
    /// What was read and is still to be given out.
    pub ahead: Bytes,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the client has taken nothing of what is to be written.
    stalled_since: Option<Instant>,
}

impl<S> ClientIo<S> {
    pub(super) fn new(stream: S, connection: Arc<ClientConnection>, handover: Arc<Handover>, limits: Limits) -> Self {
        Self { stream, connection, handover, limits, ahead: Bytes::new(), timer: None, stalled_since: None }
    }

    fn read_deadline(&self) -> Option<Instant> {
        match self.connection.phase() {
            (Phase::Idle, since) => Some(since + self.limits.keep_alive),
            (Phase::Head, since) => Some(since + self.limits.head),
            (Phase::Serving, _) => None,
        }
    }

    /// Whether `deadline` has passed; if not, the task is woken by then at the latest.
    fn has_passed(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return true;
            }
            timer.as_mut().reset(deadline);
        }
        false
    }

    fn wrote<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled_since = None;
            return polled;
        }
        let since = *self.stalled_since.get_or_insert_with(Instant::now);
        if self.has_passed(since + self.limits.write, cx) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client does not read its answer")));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> ClientIo<S> {
    /// Ready when the client has gone. What it sends meanwhile begins its next request: it is kept, and nothing more is read.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        let mut room = [MaybeUninit::uninit(); MOST_AHEAD];
        let mut sent = ReadBuf::uninit(&mut room);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut sent)) {
            Ok(()) if sent.filled().is_empty() => Poll::Ready(ErrorKind::UnexpectedEof.into()),
            Ok(()) => {
                self.ahead = Bytes::copy_from_slice(sent.filled());
                Poll::Pending
            }
            Err(error) => Poll::Ready(error),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientIo<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = if this.ahead.is_empty() {
            Pin::new(&mut this.stream).poll_read(cx, buf)
        } else {
            let fits = this.ahead.len().min(buf.remaining());
            buf.put_slice(this.ahead.get(..fits).unwrap_or_default());
            this.ahead.advance(fits);
            if this.ahead.is_empty() {
                this.ahead = Bytes::new();
            }
            Poll::Ready(Ok(()))
        };
        if polled.is_ready() {
            if buf.filled().len() > before && this.connection.phase().0 == Phase::Idle {
                this.connection.enter(Phase::Head, Instant::now());
            }
            return polled;
        }
        if let Some(deadline) = this.read_deadline()
            && this.has_passed(deadline, cx)
        {
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "no request came in time")));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ClientIo<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handover.flushed(false);
        let polled = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.wrote(polled, cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.handover.flushed(false);
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written all that it has.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.handover.flushed(matches!(polled, Poll::Ready(Ok(()))));
        this.wrote(polled, cx)
    }

    /// Waits for what was put off, which the client may leave unread as well.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.wrote(polled, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Takes nothing.
    struct Stalled;

    impl AsyncRead for Stalled {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stalled {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    /// Bytes that were put off may be left when the connection is to end.
    #[tokio::test]
    async fn a_client_that_takes_nothing_is_waited_for_no_longer_than_it_may_be() {
        let limits = Limits { keep_alive: Duration::MAX, head: Duration::MAX, write: Duration::from_millis(5) };
        let mut io = ClientIo::new(Stalled, Arc::default(), Arc::default(), limits);
        for error in [io.write(b"x").await.map(drop), io.flush().await, io.shutdown().await] {
            assert_eq!(error.unwrap_err().kind(), ErrorKind::TimedOut);
        }
    }
}
