//! The admin listener's accept loop.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::api;
use super::auth::{Authenticator, Peer};
use super::level::LogLevel;
use crate::control::Control;
use crate::listen::Spare;
use crate::proxy::{Drain, Worker};
use crate::runtime::{ReloadStatus, Runtime};

const HEAD_LIMIT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the admin listener acts on.
pub struct Admin {
    pub runtime: Arc<Runtime>,
    pub drain: Arc<Drain>,
    pub log_level: LogLevel,
    /// By which the sidecar asks itself, to test a provider and for the playground.
    pub worker: Arc<Worker>,
    /// `None` without a store.
    pub control: Option<Arc<Control>>,
    pub auth: Authenticator,
    pub tls: Option<AdminTls>,
    /// Under whose lock the data listener accepts, too.
    pub spare: Arc<Spare>,
    /// Told after each reload, so that the watcher follows the files.
    pub reloaded: Box<dyn Fn(&ReloadStatus) + Send + Sync>,
}

/// TLS on the admin listener.
pub struct AdminTls {
    pub acceptor: TlsAcceptor,
    /// Everything but health needs a client's certificate.
    pub needs_certificate: bool,
}

impl Admin {
    /// Reloads off the listener's thread: reading files blocks.
    pub async fn reload(&self) -> ReloadStatus {
        let runtime = Arc::clone(&self.runtime);
        let status = match tokio::task::spawn_blocking(move || runtime.reload()).await {
            Ok(status) => status,
            Err(_) => self.runtime.status(),
        };
        self.took_over(&status);
        status
    }

    /// The same after the files were seen to change.
    pub async fn reload_changed(&self) {
        let runtime = Arc::clone(&self.runtime);
        if let Ok(Some(status)) = tokio::task::spawn_blocking(move || runtime.reload_changed()).await {
            self.took_over(&status);
        }
    }

    fn took_over(&self, status: &ReloadStatus) {
        self.log_level.follow(&self.runtime.snapshot().config.log.level);
        (self.reloaded)(status);
    }

    /// Takes over what other replicas have changed in the store.
    pub async fn follow(&self) {
        let Some(control) = self.control.clone() else { return };
        if let Ok(Some(status)) = tokio::task::spawn_blocking(move || control.follow()).await {
            (self.reloaded)(&status);
        }
    }
}

/// Accepts and serves for ever.
pub async fn run(listener: TcpListener, admin: Arc<Admin>) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    admin.spare.refill();
    loop {
        let (mut stream, address) = match admin.spare.accept_admin(&listener).await {
            Ok((stream, address)) => (stream, address.ip().to_canonical()),
            Err(error) => {
                tracing::warn!(%error, "an admin connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            match &admin.tls {
                None => serve(&mut stream, Peer { address, lacks_certificate: false }, &admin).await,
                Some(tls) => match tokio::time::timeout(HEAD_LIMIT, tls.acceptor.accept(&mut stream)).await {
                    Ok(Ok(stream)) => {
                        let lacks_certificate = tls.needs_certificate && stream.get_ref().1.peer_certificates().is_none();
                        serve(stream, Peer { address, lacks_certificate }, &admin).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "an admin connection's TLS handshake failed"),
                    Err(_) => tracing::debug!("an admin connection's TLS handshake took too long"),
                },
            }
            admin.spare.take_back(stream);
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, admin: &Arc<Admin>) {
    let service = service_fn(move |request| {
        let admin = Arc::clone(admin);
        async move { Ok::<_, std::convert::Infallible>(api::answer(&admin, peer, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection ended");
    }
}
