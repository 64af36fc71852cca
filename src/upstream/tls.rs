//! TLS towards upstreams: the system's trust anchors (or Mozilla's where the system has none), a provider's own CA, and
//! client certificates. Verification cannot be turned off.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::config::ClientTls;

/// What a TLS handshake with one origin needs. The certificate store is built at the first handshake: reading the system's
/// takes milliseconds that a start without upstream traffic need not pay.
pub(super) struct Settings {
    pub name: ServerName<'static>,
    source: ClientTls,
    built: OnceLock<Arc<ClientConfig>>,
}

impl Settings {
    pub(super) fn new(host: &str, source: &ClientTls) -> Result<Self, String> {
        let name = source.server_name.as_deref().unwrap_or(host);
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name that a certificate can be checked against"))?;
        let settings = Self { name, source: source.clone(), built: OnceLock::new() };
        if source.ca_pem.is_some() || source.identity_pem.is_some() {
            let _ = settings.built.set(build(source)?);
        }
        Ok(settings)
    }

    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(built) = self.built.get() {
            return Ok(Arc::clone(built));
        }
        let built = build(&self.source)?;
        Ok(Arc::clone(self.built.get_or_init(|| built)))
    }
}

fn build(source: &ClientTls) -> Result<Arc<ClientConfig>, String> {
    let mut roots = system_roots().clone();
    if let Some(pem) = &source.ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|e| format!("the CA file is not PEM: {e}"))?;
            roots.add(certificate).map_err(|e| format!("a certificate of the CA file cannot be used: {e}"))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots);
    let mut config = match &source.identity_pem {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            let chain = CertificateDer::pem_slice_iter(certificates)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| format!("the client certificate is not PEM: {e}"))?;
            let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|e| format!("the client key is not PEM: {e}"))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| format!("the client certificate cannot be used: {e}"))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots
    })
}

/// A digest of everything that makes a connection's trust.
pub(super) fn digest(settings: &ClientTls) -> String {
    if settings.ca_pem.is_none() && settings.identity_pem.is_none() && settings.server_name.is_none() {
        return String::new();
    }
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_be_bytes());
        context.update(bytes);
    };
    part(settings.ca_pem.as_deref().unwrap_or_default());
    let (certificate, key) = match &settings.identity_pem {
        Some((certificate, key)) => (certificate.as_slice(), key.expose().as_bytes()),
        None => (&[][..], &[][..]),
    };
    part(certificate);
    part(key);
    part(settings.server_name.as_deref().unwrap_or_default().as_bytes());
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
