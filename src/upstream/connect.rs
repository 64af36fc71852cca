//! Opening a connection: name resolution, TCP (happy eyeballs, RFC 8305) and TLS, each with its own kind of failure.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
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
use super::origin::{Origin, Reach};
use super::stream::Stream;
use crate::base::address::is_public;

const INSIDE: &str = "the name leads to this machine or its network, which `admin.allow_urls` would have to allow";

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
    let reach = origin.key.reach;
    // An address in the place of a name is not looked up.
    if let Ok(address) = origin.key.host.parse::<IpAddr>()
        && !reach.goes_to(address)
    {
        return Err(SendError::new(SendErrorKind::Inside, INSIDE));
    }
    let uri = Uri::builder()
        .scheme("http")
        .authority(format!("{}:{}", origin.key.host, origin.key.port))
        .path_and_query("/")
        .build()
        .map_err(|e| SendError::new(SendErrorKind::Connect, e))?;
    let mut connector = HttpConnector::new_with_resolver(Resolver { reach });
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
        match inner.downcast_ref::<Unresolved>() {
            Some(Unresolved::Failed(_)) => kind = SendErrorKind::Dns,
            Some(Unresolved::Inside) => kind = SendErrorKind::Inside,
            None => {}
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

impl Reach {
    fn goes_to(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// The system's resolver, its failures marked as such.
#[derive(Clone)]
struct Resolver {
    reach: Reach,
}

#[derive(Debug)]
enum Unresolved {
    Failed(Arc<io::Error>),
    /// None of the name's addresses may be connected to.
    Inside,
}

impl std::fmt::Display for Unresolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "name resolution: {error}"),
            Self::Inside => f.write_str(INSIDE),
        }
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
        let reach = self.reach;
        Box::pin(async move {
            let found = lookup(name.as_str()).await.map_err(Unresolved::Failed)?;
            let reached: Vec<SocketAddr> = found.iter().copied().filter(|address| reach.goes_to(address.ip())).collect();
            if reached.is_empty() && !found.is_empty() { Err(Unresolved::Inside) } else { Ok(reached.into_iter()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientTls;
    use crate::upstream::Origins;

    /// A name that was public when it was written down and leads inside when it is connected to.
    #[tokio::test]
    async fn a_name_that_leads_inside_is_connected_to_only_where_it_may() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let origins = Origins::default();
        for host in ["localhost", "127.0.0.1"] {
            let to = |reach| origins.get(false, host, port, &ClientTls::default(), reach).unwrap();
            let Err(refused) = connect(&to(Reach::Public), Duration::from_secs(5)).await else { panic!("connected to {host}") };
            assert_eq!(refused.kind, SendErrorKind::Inside, "{refused}");
            assert!(connect(&to(Reach::Anywhere), Duration::from_secs(5)).await.is_ok(), "{host}");
        }
    }
}
