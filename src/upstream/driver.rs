//! An HTTP/1 connection without a task of its own, polled by whoever waits for what comes on it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::error::SendError;
use super::gate::Gate;
use super::stream::Stream;

/// How often the connection is polled in one go while it makes progress, before others have their turn.
const MOST_ROUNDS: usize = 8;

/// The connection, and what it wakes.
pub(super) struct Driver {
    connection: Pin<Box<Connection<TokioIo<Stream>, RequestBody>>>,
    gate: Arc<Gate>,
    /// The gate's.
    waker: Waker,
}

impl Driver {
    pub(super) fn new(connection: Connection<TokioIo<Stream>, RequestBody>) -> Self {
        let gate = Arc::new(Gate::new());
        let waker = Waker::from(Arc::clone(&gate));
        Self { connection: Box::pin(connection), gate, waker }
    }

    /// Polls what the connection feeds, and the connection for it. Nobody else makes `fed` ready, so that nothing needs to be woken for
    /// it. Where it is ready the gate stays shut: who is told something polls again.
    ///
    /// # Errors
    /// The connection closed first, for this reason if there is one.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut fed: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Option<SendError>>> {
        let mut fed = move || fed(&mut Context::from_waker(Waker::noop()));
        self.gate.shut(cx.waker());
        if let Poll::Ready(ready) = fed() {
            return Poll::Ready(Ok(ready));
        }
        for _ in 0..MOST_ROUNDS {
            self.gate.forget();
            let connection = self.connection.as_mut().poll(&mut Context::from_waker(&self.waker));
            match (fed(), connection) {
                (Poll::Ready(ready), _) => return Poll::Ready(Ok(ready)),
                (Poll::Pending, Poll::Ready(closed)) => {
                    return Poll::Ready(Err(closed.err().map(|error| SendError::from_hyper(&error))));
                }
                (Poll::Pending, Poll::Pending) if self.gate.open() => return Poll::Pending,
                (Poll::Pending, Poll::Pending) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Moves the connection's bytes; ready when it is closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.connection.as_mut().poll(cx).map_err(|error| SendError::from_hyper(&error))
    }
}
