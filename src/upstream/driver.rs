//! An HTTP/1 connection without a task of its own, polled by whoever waits for what comes on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;

use super::error::SendError;
use super::gate::Gate;
use super::hold::Noted;
use super::io::Io;
use super::stream::Stream;

/// How often the connection is polled in one go while it makes progress, before others have their turn.
const MOST_ROUNDS: usize = 8;

/// The connection, and what it wakes.
pub(super) struct Driver {
    connection: Box<Connection<TokioIo<Io>, Noted>>,
    gate: Arc<Gate>,
    /// The gate's.
    waker: Waker,
}

impl Driver {
    pub(super) fn new(connection: Connection<TokioIo<Io>, Noted>) -> Self {
        let gate = Arc::new(Gate::new());
        let waker = Waker::from(Arc::clone(&gate));
        Self { connection: Box::new(connection), gate, waker }
    }

    /// Polls what the connection feeds, and the connection for it. `fed` keeps what it gets, and says whether it got something. Nobody
    /// else feeds it, so that nothing needs to be woken for it. Where it got something the gate stays shut: who is told polls again.
    ///
    /// # Errors
    /// The connection closed first, for this reason if there is one.
    pub(super) fn drive(
        &mut self,
        cx: &mut Context<'_>,
        mut fed: impl FnMut(&mut Context<'_>) -> bool,
    ) -> Poll<Result<(), Option<SendError>>> {
        let mut fed = move || fed(&mut Context::from_waker(Waker::noop()));
        self.gate.shut(cx.waker());
        if fed() {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..MOST_ROUNDS {
            self.gate.forget();
            let connection = Pin::new(&mut self.connection).poll(&mut Context::from_waker(&self.waker));
            match (fed(), connection) {
                (true, _) => return Poll::Ready(Ok(())),
                (false, Poll::Ready(closed)) => {
                    return Poll::Ready(Err(closed.err().map(|error| SendError::from_hyper(&error))));
                }
                (false, Poll::Pending) if self.gate.open() => return Poll::Pending,
                (false, Poll::Pending) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The stream below hyper, and what it was not given of what has been read.
    pub(super) fn part(self) -> (Stream, BytesMut) {
        let parts = self.connection.into_parts();
        let Io { stream, rest, .. } = parts.io.into_inner();
        // hyper has got the head alone, and parsed it.
        debug_assert!(parts.read_buf.is_empty());
        (stream, rest)
    }

    /// Moves the connection's bytes; ready when it is closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.connection).poll(cx).map_err(|error| SendError::from_hyper(&error))
    }
}
