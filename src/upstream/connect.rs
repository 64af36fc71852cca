//! Opening a connection: name resolution, TCP (happy eyeballs, RFC 8305) and TLS, each with its own kind of failure.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use super::error::{SendError, SendErrorKind};
use super::lookup::lookup;
use super::origin::Origin;
use super::stream::Stream;

/// A fresh connection and whether the upstream chose HTTP/2.
pub(super) struct Connected {
    pub stream: Stream,
    pub http2: bool,
}

/// Connects to `origin`. All steps together may take `limit`.
pub(super) async fn connect(origin: &Origin, limit: Duration) -> Result<Connected, SendError> {
    match tokio::time::timeout(limit, open(origin)).await {
        Ok(result) => result,
        Err(_) => Err(SendError::new(SendErrorKind::ConnectTimeout, format_args!("no connection within {limit:?}"))),
    }
}

async fn open(origin: &Origin) -> Result<Connected, SendError> {
    let uri = Uri::builder()
        .scheme("http")
        .authority(format!("{}:{}", origin.key.host, origin.key.port))
        .path_and_query("/")
        .build()
        .map_err(|e| SendError::new(SendErrorKind::Connect, e))?;
    let mut connector = HttpConnector::new_with_resolver(Resolver);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    let tcp = connector.call(uri).await.map_err(|e| connect_error(&e))?.into_inner();
    let Some(tls) = &origin.tls else {
        return Ok(Connected { stream: Stream::Plain(tcp), http2: false });
    };
    let config = tls.client_config().map_err(|e| SendError::new(SendErrorKind::Tls, e))?;
    let stream = tokio_rustls::TlsConnector::from(config).connect(tls.name.clone(), tcp).await.map_err(|e| tls_error(&e))?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Connected { stream: Stream::Tls(Box::new(stream)), http2 })
}

fn connect_error(error: &(dyn std::error::Error + 'static)) -> SendError {
    let mut kind = SendErrorKind::Connect;
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<Unresolved>() {
            kind = SendErrorKind::Dns;
        }
        cause.push_str(": ");
        cause.push_str(&inner.to_string());
        source = inner.source();
    }
    SendError::new(kind, cause)
}

fn tls_error(error: &io::Error) -> SendError {
    let untrusted = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented));
    SendError::new(if untrusted { SendErrorKind::TlsUntrusted } else { SendErrorKind::Tls }, error)
}

/// The system's resolver, its failures marked as such.
#[derive(Clone)]
struct Resolver;

#[derive(Debug)]
struct Unresolved(Arc<io::Error>);

impl std::fmt::Display for Unresolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "name resolution: {}", self.0)
    }
}

impl std::error::Error for Unresolved {}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move {
            let found = lookup(name.as_str()).await.map_err(Unresolved)?;
            Ok(found.iter().copied().collect::<Vec<_>>().into_iter())
        })
    }
}
