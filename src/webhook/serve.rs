//! The webhook's two listeners: reviews over TLS, health and metrics without.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::files::Read;
use super::metrics::Metrics;
use super::served::Served;
use crate::inject::{Cluster, Settings, review};

/// A pod's manifest is far smaller; the API server itself takes 3 MiB.
const MAX_BODY: usize = 8 << 20;
/// For the handshake, for a head, and for a body. The API server gives up after the webhook's `timeoutSeconds` anyway.
const PATIENCE: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the listeners share.
pub(super) struct State {
    /// None until there is a certificate.
    acceptor: ArcSwapOption<TlsAcceptor>,
    settings: ArcSwap<Settings>,
    metrics: Metrics,
    under_way: AtomicUsize,
    /// Whether the cluster runs native sidecars: 0 not known, 1 no, 2 yes.
    native_sidecars: AtomicU8,
    /// Wakes whoever looks after the certificate.
    pub(super) look_now: Notify,
}

impl State {
    pub(super) fn new(read: Read, metrics: Metrics) -> Self {
        let state = Self {
            acceptor: ArcSwapOption::empty(),
            settings: ArcSwap::from_pointee(read.settings),
            metrics,
            under_way: AtomicUsize::new(0),
            native_sidecars: AtomicU8::new(0),
            look_now: Notify::new(),
        };
        if let Some(served) = read.served {
            state.set_certificate(served);
        }
        state
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.acceptor.load().is_some()
    }

    /// Takes a certificate, be it from a file or from elsewhere.
    pub(super) fn set_certificate(&self, served: Served) {
        self.metrics.certificate_expiry.set(served.expires.unwrap_or(0));
        self.acceptor.store(Some(Arc::new(served.acceptor)));
    }

    /// Whether the certificate could be looked after.
    pub(super) fn set_managed(&self, is: bool) {
        self.metrics.certificate_managed.set(is.into());
    }

    pub(super) fn set_native_sidecars(&self, has: bool) {
        self.native_sidecars.store(if has { 2 } else { 1 }, Ordering::Relaxed);
    }

    fn cluster(&self) -> Cluster {
        let has_native_sidecars = match self.native_sidecars.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known == 2),
        };
        Cluster { has_native_sidecars }
    }

    /// Takes over what was read from changed files. What cannot be used changes nothing and is told.
    pub(super) fn take(&self, changed: Option<Result<Read, String>>) {
        match changed {
            None => {}
            Some(Ok(read)) => {
                if let Some(served) = read.served {
                    self.set_certificate(served);
                }
                self.settings.store(Arc::new(read.settings));
                self.metrics.in_sync.set(1);
                tracing::info!("the webhook's files have changed and are in use");
            }
            Some(Err(error)) => {
                self.metrics.in_sync.set(0);
                tracing::error!(error, "the webhook's files have changed but cannot be used; what was read before stays");
            }
        }
    }

    /// Waits until all reviews under way are answered, at most for so long.
    pub(super) async fn drained(&self, most: Duration) {
        let by = Instant::now() + most;
        while self.under_way.load(Ordering::Acquire) > 0 && Instant::now() < by {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Accepts and answers the API server for ever.
pub(super) async fn reviews(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let Some(acceptor) = state.acceptor.load_full() else { return };
            match timeout(PATIENCE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection(stream, state).await,
                Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                Err(_) => {}
            }
        });
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move {
            state.under_way.fetch_add(1, Ordering::AcqRel);
            let response = answer(&state, request).await;
            state.under_way.fetch_sub(1, Ordering::AcqRel);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new());
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(error, "a connection ended");
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let asked = match request.uri().path() {
        "/mutate" => true,
        // Asked about pods whose annotation asks for it. An API server that cannot look at annotations asks about all of them.
        "/mutate/annotated" => false,
        _ => return text(StatusCode::NOT_FOUND, "reviews are posted to /mutate or /mutate/annotated\n"),
    };
    if request.method() != Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "reviews are posted\n");
    }
    let body = match timeout(PATIENCE, Limited::new(request.into_body(), MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body broke off or is larger than 8 MiB\n"),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body came too slowly\n"),
    };
    // Where the version is not known, the chart says in the settings whether the cluster is too old for native sidecars.
    match review(&body, &state.settings.load(), state.cluster(), asked) {
        Ok(reviewed) => {
            state.metrics.reviewed(reviewed.result, reviewed.reason);
            let mut response = Response::new(Full::new(Bytes::from(reviewed.body.to_string())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(message) => {
            state.metrics.reviewed("failed", "bad_review");
            text(StatusCode::BAD_REQUEST, format!("{message}\n"))
        }
    }
}

/// Accepts and answers probes and Prometheus for ever.
pub(super) async fn health(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let response = match request.uri().path() {
                "/livez" | "/healthz" => text(StatusCode::OK, "ok\n"),
                "/readyz" if state.has_certificate() => text(StatusCode::OK, "ready\n"),
                "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "there is no certificate yet\n"),
                "/metrics" => {
                    let mut response = text(StatusCode::OK, state.metrics.encode());
                    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                    response
                }
                _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n"),
            };
            std::future::ready(Ok::<_, Infallible>(response))
        });
        tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            let _ = builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
