//! TLS on a listener.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::ServerTls;

/// An acceptor for the data listener, offering HTTP/2 and HTTP/1.1.
pub fn acceptor(tls: &ServerTls) -> Result<TlsAcceptor, String> {
    offering(tls, &[b"h2", b"http/1.1"])
}

/// An acceptor for the admin listener, offering HTTP/1.1.
pub fn admin_acceptor(tls: &ServerTls) -> Result<TlsAcceptor, String> {
    offering(tls, &[b"http/1.1"])
}

/// An acceptor for the configured certificate. Where authorities of clients' certificates are configured, clients are asked for
/// one; whether they need it is decided by what they want.
fn offering(tls: &ServerTls, protocols: &[&[u8]]) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain =
        CertificateDer::pem_slice_iter(&tls.cert_pem).collect::<Result<Vec<_>, _>>().map_err(|e| format!("tls.cert is not PEM: {e}"))?;
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.expose().as_bytes()).map_err(|e| format!("tls.key is not PEM: {e}"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_client_cert_verifier(verifier(tls, provider)?)
        .with_single_cert(chain, key)
        .map_err(|e| format!("tls.cert and tls.key do not fit together: {e}"))?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn verifier(tls: &ServerTls, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let Some(pem) = &tls.client_ca_pem else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|e| format!("tls.client_ca is not PEM: {e}"))?;
        roots.add(certificate).map_err(|e| format!("a certificate of tls.client_ca cannot be used: {e}"))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).allow_unauthenticated();
    builder.build().map_err(|e| format!("tls.client_ca cannot be used: {e}"))
}
