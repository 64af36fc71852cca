//! An HTTP/1 connection to an upstream, driven by its user: it has no task of its own, so dropping it closes the socket at
//! once, and an answer's bytes reach their reader without crossing tasks.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::body::RequestBody;
use super::driver::Driver;
use super::error::{SendError, SendErrorKind};
use super::hold::{Hold, Noted};
use super::io::Io;
use super::stream::Stream;

/// The largest answer head that is read, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// The most that is read ahead of an answer. A slice of it that waits for a slow client keeps all of it in memory, so it is small.
const MAX_BUFFER: usize = 16 << 10;

pub(super) struct Http1 {
    link: Link,
    /// When it was last used.
    pub idle_since: Instant,
}

enum Link {
    /// hyper has not begun on it, or has given it back.
    Bare(Stream),
    Hyper {
        sender: SendRequest<Noted>,
        driver: Driver,
        hold: Arc<Hold>,
    },
}

/// What an answer will be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It comes in one go, or nearly.
    Whole,
    /// It may take long and come in small pieces.
    Stream,
}

/// A request that was not answered; `unsent` gives it back if not a byte of it was written, or the peer says that it has done
/// nothing with it.
pub(super) struct Unanswered {
    pub error: SendError,
    pub unsent: Option<Box<Request<RequestBody>>>,
}

impl Http1 {
    pub(super) fn new(stream: Stream) -> Self {
        Self { link: Link::Bare(stream), idle_since: Instant::now() }
    }

    /// Whether the connection can take a request. Notices a peer that has closed meanwhile, or says what nobody has asked for.
    pub(super) fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match &mut self.link {
            Link::Bare(stream) => Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut [0])).is_pending(),
            Link::Hyper { sender, driver, .. } => driver.poll(&mut cx).is_pending() && sender.is_ready(),
        }
    }

    /// Whether the connection has come to its end, as it takes note of its answer's.
    pub(super) fn is_closed(&mut self) -> bool {
        match &mut self.link {
            Link::Bare(_) => false,
            Link::Hyper { driver, .. } => driver.poll(&mut Context::from_waker(Waker::noop())).is_ready(),
        }
    }

    /// Polls what the connection feeds, and the connection for it: [`Driver::drive`].
    pub(super) fn drive(&mut self, cx: &mut Context<'_>, fed: impl FnMut(&mut Context<'_>) -> bool) -> Poll<Result<(), Option<SendError>>> {
        match &mut self.link {
            Link::Bare(_) => Poll::Ready(Err(None)),
            Link::Hyper { driver, .. } => driver.drive(cx, fed),
        }
    }

    /// Sends a request and waits for the answer's head. A stream's connection can be parted from hyper then.
    pub(super) async fn send(self, request: Box<Request<RequestBody>>, expect: Expect) -> Result<(Response<Incoming>, Self), Unanswered> {
        let mut link = match self.link {
            Link::Bare(stream) => match Link::begin(stream).await {
                Ok(link) => link,
                Err(error) => return Err(Unanswered { error, unsent: Some(request) }),
            },
            link @ Link::Hyper { .. } => link,
        };
        let closed = || Unanswered { error: SendError::new(SendErrorKind::Reset, "the connection closed"), unsent: None };
        let Link::Hyper { sender, driver, hold } = &mut link else { return Err(closed()) };
        let noted = (expect == Expect::Stream).then(|| {
            hold.arm();
            Arc::clone(hold)
        });
        let request = request.map(|body| Noted { body, hold: noted });
        let mut answer = None;
        {
            let mut answering = pin!(sender.try_send_request(request));
            let mut fed = |cx: &mut Context<'_>| {
                if let Poll::Ready(answered) = answering.as_mut().poll(cx) {
                    answer = Some(answered);
                }
                answer.is_some()
            };
            let _closed = std::future::poll_fn(|cx| driver.drive(cx, &mut fed)).await;
        }
        match answer {
            Some(Ok(response)) => Ok((response, Self { link, idle_since: self.idle_since })),
            Some(Err(mut error)) => {
                let unsent = error.take_message().map(|unsent| Box::new(unsent.map(Noted::into_body)));
                let mut failure = SendError::from_hyper(error.error());
                if unsent.is_some() {
                    failure.kind = SendErrorKind::Unsent;
                }
                Err(Unanswered { error: failure, unsent })
            }
            None => Err(closed()),
        }
    }

    /// Takes the connection from hyper, with what has come behind the answer's head.
    ///
    /// # Errors
    /// The connection as it was, and hyper goes on: it is not to be parted, or not all of the request is written.
    pub(super) fn part(self) -> Result<(Stream, BytesMut), Self> {
        match self.link {
            Link::Hyper { driver, hold, .. } if hold.may_part() => Ok(driver.part()),
            link => {
                if let Link::Hyper { hold, .. } = &link {
                    hold.release();
                }
                Err(Self { link, idle_since: self.idle_since })
            }
        }
    }
}

impl Link {
    async fn begin(stream: Stream) -> Result<Self, SendError> {
        let hold = Arc::<Hold>::default();
        let (sender, connection) = Builder::new()
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER)
            .handshake(TokioIo::new(Io::new(stream, Arc::clone(&hold))))
            .await
            .map_err(|e| SendError::from_hyper(&e))?;
        Ok(Self::Hyper { sender, driver: Driver::new(connection), hold })
    }
}
