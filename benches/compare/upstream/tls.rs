//! TLS of the upstream, as vendors have it: a certificate of its own, TLS 1.3 and 1.2, sessions that continue by a ticket.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

/// The name of HTTP/2 in ALPN.
pub const HTTP2: &[u8] = b"h2";

/// Makes a certificate for `localhost` and writes it to `file`, for those who are to trust it.
pub fn acceptor(file: &Path, http2: bool) -> anyhow::Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.ticketer = Ticketer::new()?;
    if http2 {
        config.alpn_protocols.push(HTTP2.to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    std::fs::write(file, made.cert.pem())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
