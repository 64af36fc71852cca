//! An HTTP/1 connection to an upstream, driven by its user: it has no task of its own, so dropping it closes the socket at
//! once, and an answer's bytes reach their reader without crossing tasks.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::body::RequestBody;
use super::driver::Driver;
use super::error::{SendError, SendErrorKind};
use super::stream::Stream;

/// The largest answer head that is read, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The most that is read ahead of an answer. A slice of it that waits for a slow client keeps all of it in memory, so it is small.
const MAX_BUFFER: usize = 16 << 10;

pub(super) struct Http1 {
    sender: SendRequest<RequestBody>,
    pub driver: Driver,
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
        Ok(Self { sender, driver: Driver::new(connection), idle_since: Instant::now() })
    }

    /// Whether the connection can take a request. Notices a peer that has closed meanwhile.
    pub(super) fn is_usable(&mut self) -> bool {
        let closed = self.driver.poll(&mut Context::from_waker(Waker::noop())).is_ready();
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
}
