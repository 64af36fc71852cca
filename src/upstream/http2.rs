//! An HTTP/2 connection to an upstream, shared by many requests of one worker. Unlike HTTP/1 it needs a task: several
//! answers arrive on it at once.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;

use super::body::RequestBody;
use super::error::{SendError, SendErrorKind};
use super::http1::Unanswered;
use super::stream::Stream;

const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams on one connection, whatever the peer allows: one lost connection shall not take too many requests with it.
const MAX_STREAMS: usize = 100;

#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<RequestBody>,
    open: Arc<AtomicUsize>,
    /// What the peer allows at present.
    allowed: Arc<AtomicUsize>,
    pub born: Instant,
}

/// Counts a stream of a connection until it is dropped.
pub(super) struct StreamGuard(Arc<AtomicUsize>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Http2 {
    pub(super) async fn new(stream: Stream) -> Result<Self, SendError> {
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| SendError::from_hyper(&e))?;
        let allowed = Arc::new(AtomicUsize::new(MAX_STREAMS));
        let seen = Arc::clone(&allowed);
        let mut connection = Box::pin(connection);
        // Ends by itself when the last sender is gone or the peer closes; every stream on it is told then.
        tokio::spawn(async move {
            let ended = std::future::poll_fn(|cx| {
                let polled = connection.as_mut().poll(cx);
                seen.store(connection.current_max_send_streams(), Ordering::Relaxed);
                polled
            });
            if let Err(error) = ended.await {
                tracing::debug!(%error, "an upstream's HTTP/2 connection ended");
            }
        });
        Ok(Self { sender, open: Arc::default(), allowed, born: Instant::now() })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Takes a place for one more stream, if there is one.
    pub(super) fn reserve(&self) -> Option<StreamGuard> {
        let most = self.allowed.load(Ordering::Relaxed).clamp(1, MAX_STREAMS);
        if self.is_closed() || self.open.load(Ordering::Relaxed) >= most {
            return None;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(StreamGuard(Arc::clone(&self.open)))
    }

    /// Sends a request and waits for the answer's head.
    pub(super) async fn send(mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, Unanswered> {
        let canceled =
            |error: &hyper::Error| SendError::new(if error.is_canceled() { SendErrorKind::Unsent } else { SendErrorKind::Reset }, error);
        if let Err(error) = self.sender.ready().await {
            return Err(Unanswered { error: SendError::new(SendErrorKind::Unsent, error), unsent: Some(Box::new(request)) });
        }
        let again = copy(&request);
        match self.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut error) => {
                let mut unsent = error.take_message();
                let mut failure = if unsent.is_some() { canceled(error.error()) } else { SendError::from_hyper(error.error()) };
                if refused(error.error()) {
                    failure.kind = SendErrorKind::Unsent;
                    unsent = unsent.or(again);
                }
                Err(Unanswered { error: failure, unsent: unsent.map(Box::new) })
            }
        }
    }
}

/// The request once more, in case the peer refuses it; `None` where its body cannot be had twice.
fn copy(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let RequestBody::Full(body) = request.body() else { return None };
    let mut again = Request::new(RequestBody::Full(body.clone()));
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// The peer says that it has not looked at the request (RFC 9113, 8.7): by REFUSED_STREAM, or by a GOAWAY whose last stream comes
/// before this one. Streams up to the last one get no such error, also when their connection breaks afterwards.
fn refused(error: &hyper::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(error) = inner.downcast_ref::<h2::Error>() {
            return error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM));
        }
        source = inner.source();
    }
    false
}
