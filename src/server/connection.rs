//! One connection of a client, from its first byte to its end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::admitted::Admitted;
use super::handover::Handover;
use super::http1::{Http1, MAX_HEAD};
use super::io::{ClientIo, Limits};
use super::overload::Overload;
use super::preface;
use super::worker::Phase;
use crate::base::hush::Hush;
use crate::base::on_wake::OnWake;
use crate::config;
use crate::proxy::{self, ClientConnection, Worker};
use crate::upstream::TurnStream;

const TLS_LIMIT: Duration = Duration::from_secs(5);
const MAX_STREAMS: u32 = 100;
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// Serves a connection until it ends, or until `phase` says to close and its requests are answered.
pub(super) async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    worker: Arc<Worker>,
    overload: Arc<Overload>,
    server: config::Server,
    phase: watch::Receiver<Phase>,
) {
    // Every piece of an answer leaves at once.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return match preface::is_http2(&stream, server.keep_alive.max(server.header_timeout), server.header_timeout).await {
            Ok(true) => serve_http2(stream, worker, overload, phase).boxed().await,
            Ok(false) => serve_http1(TurnStream::new(stream, Arc::clone(&worker.turn)), worker, overload, &server, phase).await,
            Err(_) => {}
        };
    };
    // In a box: the many plain connections shall not be as large as these.
    serve_tls(stream, tls, worker, overload, server, phase).boxed().await;
}

async fn serve_tls(
    stream: TcpStream,
    tls: TlsAcceptor,
    worker: Arc<Worker>,
    overload: Arc<Overload>,
    server: config::Server,
    phase: watch::Receiver<Phase>,
) {
    let Ok(Ok(stream)) = tokio::time::timeout(TLS_LIMIT, tls.accept(stream)).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, worker, overload, phase).await;
    } else {
        serve_http1(stream, worker, overload, &server, phase).await;
    }
}

async fn serve_http1<S>(stream: S, worker: Arc<Worker>, overload: Arc<Overload>, server: &config::Server, mut phase: watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = Arc::new(ClientConnection::default());
    let handover = Arc::<Handover>::default();
    let limits = Limits { keep_alive: server.keep_alive, head: server.header_timeout, write: server.write_timeout };
    let io = ClientIo::new(stream, Arc::clone(&client), Arc::clone(&handover), limits);
    let for_answers = Arc::clone(&handover);
    let service = service_fn(move |request: Request<Incoming>| {
        let overload = Arc::clone(&overload);
        let handover = Handover::suits(&request).then(|| Arc::clone(&for_answers));
        answer(&worker, Arc::clone(&client), &overload, request).map(move |mut response| {
            if overload.is_high() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            } else if let Some(handover) = &handover {
                response.body_mut().hand_over_by(handover);
            }
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = Http1::new(io, service, handover);
    let (hush, own) = Hush::new();
    let on_change = OnWake::default();
    loop {
        let mut changed = pin!(phase.changed());
        tokio::select! {
            biased;
            () = poll_fn(|cx| hush.poll(&own, cx, |cx| connection.poll(cx))) => return,
            changed = poll_fn(|cx| on_change.poll(cx, |cx| changed.as_mut().poll(cx))) => {
                if changed.is_err() {
                    return;
                }
                connection.close();
            }
        }
    }
}

/// Answers a request, or turns it away before its body is read.
fn answer(
    worker: &Arc<Worker>,
    client: Arc<ClientConnection>,
    overload: &Arc<Overload>,
    request: Request<Incoming>,
) -> impl Future<Output = Response<Admitted>> + use<> {
    let metrics = &worker.runtime.metrics;
    match overload.admit(metrics.active.get()) {
        Ok(admission) => {
            // In a box: its memory is free again when the answer's head is out, while hyper would keep it as long as the connection. Made
            // within it: the future has kilobytes, of which nothing but the arguments has a value yet.
            let handling = Box::write(Box::new_uninit(), proxy::handle(Arc::clone(worker), client, request));
            let handling = Box::into_pin(handling);
            Either::Left(handling.map(move |response| response.map(|body| Admitted::new(body, Some(admission)))))
        }
        Err(reason) => {
            metrics.shed(reason.as_str());
            let response = proxy::refuse(worker, client, &request, &reason.error());
            Either::Right(ready(response.map(|body| Admitted::new(body, None))))
        }
    }
}

async fn serve_http2<S>(stream: S, worker: Arc<Worker>, overload: Arc<Overload>, mut phase: watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        service_fn(move |request: Request<Incoming>| answer(&worker, Arc::default(), &overload, request).map(Ok::<_, Infallible>));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a client's connection ended");
                }
                return;
            }
            changed = phase.changed() => {
                if changed.is_err() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
