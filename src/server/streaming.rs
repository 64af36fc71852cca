//! The rest of a streamed answer on its way to an HTTP/1 client, when hyper has handed it over: nothing lies between the body and the
//! socket. hyper would keep two buffers of 8 KiB for each stream, of which a page each is touched, and go through a good part of
//! what it does for any answer with every chunk.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::chunk::Chunk;
use super::io::ClientIo;

/// How many chunks are written in one go while there are more, before others have their turn.
const MOST_ROUNDS: usize = 16;

pub(super) struct Streaming<S, B> {
    io: ClientIo<S>,
    /// `None` when it is over.
    body: Option<B>,
    chunk: Chunk,
    /// The body broke off behind what is still to be written.
    is_broken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, B: Body<Data = Bytes> + Unpin> Streaming<S, B> {
    pub(super) fn new(io: ClientIo<S>, body: B) -> Self {
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
        let mut is_waiting = false;
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
            if !is_waiting && !self.is_broken && self.body.is_some() {
                is_waiting = self.gather(cx).is_pending();
                continue;
            }
            let flushed = Pin::new(&mut self.io).poll_flush(cx)?;
            if self.is_broken {
                return Poll::Ready(Err(io::Error::other("the answer broke off")));
            }
            return if self.body.is_none() { flushed.map(Ok) } else { self.io.poll_gone(cx).map(Err) };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what there is of the body. Pending where there is no more just now.
    fn gather(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.chunk.begin();
        let mut gathered = Poll::Ready(());
        while let Some(body) = self.body.as_mut().filter(|_| gathered.is_ready() && !self.is_broken && !self.chunk.is_full()) {
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame.into_data().into_iter().for_each(|piece| self.chunk.push(piece)),
                Poll::Ready(Some(Err(_))) => self.is_broken = true,
                Poll::Ready(None) => self.body = None,
                Poll::Pending => gathered = Poll::Pending,
            }
        }
        self.chunk.close(self.body.is_none());
        gathered
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use http_body::Frame;
    use tokio::io::ReadBuf;

    use super::super::chunk::MOST_PIECES;
    use super::super::io::Limits;
    use super::*;
    use crate::base::woken::task;

    /// Takes so many bytes at a time, and is full after each; with `usize::MAX` it never is.
    struct Narrow {
        most: usize,
        is_full: bool,
        got: Vec<u8>,
        /// What the client sends; nothing is its end.
        sent: Option<&'static [u8]>,
    }

    impl AsyncRead for Narrow {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let Some(sent) = self.get_mut().sent.take() else { return Poll::Pending };
            buf.put_slice(sent);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Narrow {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            this.is_full = !this.is_full && this.most < usize::MAX;
            if !this.is_full && this.most < usize::MAX {
                return Poll::Pending;
            }
            let count = buf.len().min(this.most);
            this.got.extend_from_slice(&buf[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Steps of a body: a piece, a time without one, or that it breaks off.
    struct Steps(VecDeque<Option<&'static str>>, bool);

    impl Body for Steps {
        type Data = Bytes;
        type Error = ();

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
            let this = self.get_mut();
            match this.0.pop_front() {
                Some(Some(piece)) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(this.1.then_some(Err(()))),
            }
        }
    }

    fn streaming(most: usize, steps: &[Option<&'static str>], breaks: bool, sent: Option<&'static [u8]>) -> Streaming<Narrow, Steps> {
        let limits = Limits { keep_alive: Duration::MAX, head: Duration::MAX, write: Duration::from_secs(3600) };
        let stream = Narrow { most, is_full: false, got: Vec::new(), sent };
        let io = ClientIo::new(stream, Arc::default(), Arc::default(), limits);
        Streaming::new(io, Steps(steps.iter().copied().collect(), breaks))
    }

    /// Polls until it is over.
    fn run(streaming: &mut Streaming<Narrow, Steps>) -> io::Result<()> {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = streaming.poll(&mut cx) {
                return result;
            }
        }
    }

    const STEPS: [Option<&str>; 9] = [None, Some("a"), None, None, Some("bc"), Some("0123456789abcdef"), None, Some("d"), Some("e")];

    #[tokio::test]
    async fn a_body_is_written_whole_however_little_is_taken_at_a_time() {
        for most in 1..40 {
            let mut all = streaming(most, &STEPS, false, None);
            run(&mut all).unwrap();
            let text = String::from_utf8(all.into_io().stream.got).unwrap();
            assert_eq!(text, "1\r\na\r\n12\r\nbc0123456789abcdef\r\n2\r\nde\r\n0\r\n\r\n", "{most}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_has_no_end() {
        let mut broken = streaming(7, &STEPS, true, None);
        run(&mut broken).unwrap_err();
        let text = String::from_utf8(broken.into_io().stream.got).unwrap();
        assert!(text.ends_with("2\r\nde\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_client_that_has_gone_ends_it_and_one_that_sends_ahead_does_not() {
        let error = run(&mut streaming(7, &STEPS, false, Some(b""))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let mut ahead = streaming(7, &STEPS, false, Some(b"POST"));
        run(&mut ahead).unwrap();
        assert_eq!(&*ahead.into_io().ahead, b"POST");
    }

    #[tokio::test]
    async fn others_have_their_turn() {
        let mut long = streaming(usize::MAX, &[Some("x"); 1000], false, None);
        let (waker, woken) = task();
        let mut polls = 1;
        while long.poll(&mut Context::from_waker(&waker)).is_pending() {
            polls += 1;
            assert_eq!(woken(), 1);
        }
        // A chunk is gathered and written.
        assert!(polls >= 1000 / MOST_PIECES * 2 / MOST_ROUNDS, "{polls}");
    }
}
