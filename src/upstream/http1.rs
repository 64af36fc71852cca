//! An HTTP/1 connection to an upstream, driven by its user: it has no task of its own, so dropping it closes the socket at
//! once, and an answer's bytes reach their reader without crossing tasks.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::body::RequestBody;
use super::error::{SendError, SendErrorKind};
use super::gate::Gate;
use super::stream::Stream;

/// The largest answer head that is read, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The most that is read ahead of an answer. A slice of it that waits for a slow client keeps all of it in memory, so it is small.
const MAX_BUFFER: usize = 16 << 10;

/// How often the connection is polled in one go while it makes progress, before others have their turn.
const MOST_ROUNDS: usize = 8;

pub(super) struct Http1 {
    sender: SendRequest<RequestBody>,
    driver: Driver,
    /// When it was last used.
    pub idle_since: Instant,
}

/// A request that was not answered; `unsent` gives it back if not a byte of it was written, or the peer says that it has done
/// nothing with it.
pub(super) struct Unanswered {
    pub error: SendError,
    pub unsent: Option<Box<Request<RequestBody>>>,
}

impl Http1 {
    pub(super) async fn new(stream: Stream) -> Result<Self, SendError> {
        let (sender, connection) = Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| SendError::from_hyper(&e))?;
        Ok(Self { sender, driver: Driver::new(Box::pin(connection)), idle_since: Instant::now() })
    }

    /// Whether the connection can take a request. Notices a peer that has closed meanwhile.
    pub(super) fn is_usable(&mut self) -> bool {
        let closed = self.poll(&mut Context::from_waker(Waker::noop())).is_ready();
        !closed && self.sender.is_ready()
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(mut self, request: Box<Request<RequestBody>>) -> Result<(Response<Incoming>, Self), Unanswered> {
        let mut answer = pin!(self.sender.try_send_request(*request));
        let driver = &mut self.driver;
        let result = std::future::poll_fn(|cx| driver.drive(cx, |cx| answer.as_mut().poll(cx))).await;
        match result {
            Ok(Ok(response)) => Ok((response, self)),
            Ok(Err(mut error)) => {
                let unsent = error.take_message().map(Box::new);
                let mut failure = SendError::from_hyper(error.error());
                if unsent.is_some() {
                    failure.kind = SendErrorKind::Unsent;
                }
                Err(Unanswered { error: failure, unsent })
            }
            Err(_closed) => Err(Unanswered { error: SendError::new(SendErrorKind::Reset, "the connection closed"), unsent: None }),
        }
    }

    /// Polls what the connection feeds, and the connection for it. An error where the connection closes first.
    pub(super) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        fed: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, Option<SendError>>> {
        self.driver.drive(cx, fed)
    }

    /// Moves the connection's bytes; ready when it is closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.driver.poll(cx)
    }
}

/// The connection, and what it wakes.
struct Driver {
    connection: Pin<Box<Connection<TokioIo<Stream>, RequestBody>>>,
    gate: Arc<Gate>,
    /// The gate's.
    waker: Waker,
}

impl Driver {
    fn new(connection: Pin<Box<Connection<TokioIo<Stream>, RequestBody>>>) -> Self {
        let gate = Arc::new(Gate::new());
        let waker = Waker::from(Arc::clone(&gate));
        Self { connection, gate, waker }
    }

    /// Nobody but the connection makes `fed` ready, so that nothing needs to be woken for it. The gate stays shut where it is: who is
    /// told something polls again.
    fn drive<T>(&mut self, cx: &mut Context<'_>, mut fed: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<Result<T, Option<SendError>>> {
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
                (Poll::Pending, Poll::Ready(closed)) => return Poll::Ready(Err(closed.err().map(|error| SendError::from_hyper(&error)))),
                (Poll::Pending, Poll::Pending) if self.gate.open() => return Poll::Pending,
                (Poll::Pending, Poll::Pending) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.connection.as_mut().poll(cx).map_err(|error| SendError::from_hyper(&error))
    }
}
