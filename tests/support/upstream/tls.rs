//! Certificates of scripted upstreams.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// A certificate for the loopback interface and the file that makes it trusted.
pub struct Identity {
    pub(super) acceptor: TlsAcceptor,
    /// PEM, for `tls: {ca: …}`.
    pub ca: tempfile::NamedTempFile,
    key: tempfile::NamedTempFile,
}

impl Identity {
    pub fn new(alpn: &[&[u8]]) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), made.cert.pem()).unwrap();
        let key_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key_file.path(), made.signing_key.serialize_pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca, key: key_file }
    }

    /// The certificate and its key, PEM, for a listener of the sidecar's.
    pub fn files(&self) -> (&Path, &Path) {
        (self.ca.path(), self.key.path())
    }
}
