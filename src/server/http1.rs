//! A client's HTTP/1 connection: hyper's, but for the time in which a stream is on its way.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection, Parts};
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::admitted::Admitted;
use super::handover::Handover;
use super::io::ClientIo;
use super::streaming::Streaming;

/// 64 KiB of headers and a request line. A URI beyond 65,534 bytes has an answer of its own (414), so it must fit in here.
pub(super) const MAX_HEAD: usize = 70 << 10;
/// The most that is read of a request in one go, and that is buffered of an answer that its client is slow to read. It has to hold a
/// head; a body that fits in with its head is not copied.
const MAX_BUFFER: usize = 128 << 10;
const MAX_HEADERS: usize = 100;

pub(super) struct Http1<S, V>
where
    V: Service<Request<Incoming>, Response = Response<Admitted>, Error = Infallible>,
{
    state: State<S, V>,
    handover: Arc<Handover>,
    /// The answer under way is the last one.
    is_closing: bool,
}

enum State<S, V>
where
    V: Service<Request<Incoming>, Response = Response<Admitted>, Error = Infallible>,
{
    /// In a box, which is freed while a stream is on its way.
    Hyper(Box<Connection<TokioIo<ClientIo<S>>, V>>),
    Streaming(Streaming<S, Admitted>, V),
    Closing(ClientIo<S>),
    Over,
}

impl<S, V> Http1<S, V>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    V: Service<Request<Incoming>, Response = Response<Admitted>, Error = Infallible>,
    V::Future: 'static,
{
    /// `handover` is shared with `io` and with the answers of `service`.
    pub(super) fn new(io: ClientIo<S>, service: V, handover: Arc<Handover>) -> Self {
        Self { state: State::by_hyper(io, service), handover, is_closing: false }
    }

    /// Closes the connection when there is no request on it, or its answer is out.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        if let State::Hyper(connection) = &mut self.state {
            Pin::new(&mut **connection).graceful_shutdown();
        }
    }

    /// Ready when the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Hyper(connection) => {
                    if let Poll::Ready(result) = Pin::new(connection).poll(cx) {
                        return self.over(result);
                    }
                    let Some(rest) = self.handover.take() else { return Poll::Pending };
                    if let State::Hyper(connection) = std::mem::replace(&mut self.state, State::Over) {
                        let Parts { io, read_buf, service, .. } = connection.into_parts();
                        let mut io = io.into_inner();
                        // An empty one would keep all of its memory.
                        if !read_buf.is_empty() {
                            io.ahead = read_buf;
                        }
                        self.state = State::Streaming(Streaming::new(io, rest), service);
                    }
                }
                State::Streaming(streaming, _) => {
                    if let Err(error) = ready!(streaming.poll(cx)) {
                        return self.over(Err(error));
                    }
                    if let State::Streaming(streaming, service) = std::mem::replace(&mut self.state, State::Over) {
                        let io = streaming.into_io();
                        self.state = if self.is_closing { State::Closing(io) } else { State::by_hyper(io, service) };
                    }
                }
                State::Closing(io) => {
                    let result = ready!(Pin::new(io).poll_shutdown(cx));
                    return self.over(result);
                }
                State::Over => return Poll::Ready(()),
            }
        }
    }

    fn over<E: std::fmt::Display>(&mut self, result: Result<(), E>) -> Poll<()> {
        if let Err(error) = result {
            tracing::debug!(%error, "a client's connection ended");
        }
        self.state = State::Over;
        Poll::Ready(())
    }
}

impl<S, V> State<S, V>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    V: Service<Request<Incoming>, Response = Response<Admitted>, Error = Infallible>,
    V::Future: 'static,
{
    fn by_hyper(io: ClientIo<S>, service: V) -> Self {
        let connection = Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER)
            .serve_connection(TokioIo::new(io), service);
        Self::Hyper(Box::new(connection))
    }
}
