//! Certificates and keys: read here, so that a wrong path or a broken file is found before it is needed.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::Check;
use crate::base::secret::Secret;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{ClientTls, ServerTls};

impl Check<'_> {
    pub(super) fn listener_tls(&mut self, raw: &model::ListenerTls) -> Option<ServerTls> {
        let root = KeyPath::Root;
        self.served_tls(&root.key("tls"), raw.cert.as_deref(), raw.key.as_deref())
    }

    /// A certificate and its key, both of which must be there.
    pub(super) fn served_tls(&mut self, path: &KeyPath<'_>, cert: Option<&str>, key: Option<&str>) -> Option<ServerTls> {
        for (name, value) in [("cert", cert), ("key", key)] {
            if value.is_none() {
                self.report.missing(path, name, "`tls` takes a `cert` and its `key`".to_owned());
            }
        }
        let cert_pem = self.certificates(&path.key("cert"), cert?);
        let key_pem = self.private_key(&path.key("key"), key?);
        Some(ServerTls { cert_pem: cert_pem?, key_pem: key_pem?, client_ca_pem: None })
    }

    pub(super) fn client_tls(&mut self, raw: &model::UpstreamTls, path: &KeyPath<'_>) -> ClientTls {
        if raw.cert.is_some() != raw.key.is_some() {
            let missing = if raw.cert.is_some() { "key" } else { "cert" };
            self.report.missing(path, missing, "a client certificate takes both `cert` and `key`".to_owned());
        }
        if let Some(name) = &raw.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            self.report.error(&path.key("server_name"), format!("`{name}` is not a host name"), None);
        }
        let ca_pem = raw.ca.as_deref().and_then(|ca| self.certificates(&path.key("ca"), ca));
        let cert = raw.cert.as_deref().and_then(|cert| self.certificates(&path.key("cert"), cert));
        let key = raw.key.as_deref().and_then(|key| self.private_key(&path.key("key"), key));
        ClientTls { ca_pem, identity_pem: cert.zip(key), server_name: raw.server_name.clone() }
    }

    pub(super) fn certificates(&mut self, path: &KeyPath<'_>, name: &str) -> Option<Vec<u8>> {
        let pem = self.file(path, name)?;
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            if certificate.is_err() {
                self.report.error(path, "the file holds a certificate that cannot be read", None);
                return None;
            }
            found += 1;
        }
        if found == 0 {
            self.report.error(path, "the file holds no certificate", "it must be in PEM form (`-----BEGIN CERTIFICATE-----`)".to_owned());
            return None;
        }
        Some(pem)
    }

    fn private_key(&mut self, path: &KeyPath<'_>, name: &str) -> Option<Secret> {
        let pem = self.file(path, name)?;
        let text = String::from_utf8(pem).ok().filter(|text| PrivateKeyDer::from_pem_slice(text.as_bytes()).is_ok());
        if text.is_none() {
            self.report.error(path, "the file holds no private key", "it must be in PEM form (`-----BEGIN PRIVATE KEY-----`)".to_owned());
        }
        text.map(Secret::new)
    }

    /// A file named in the configuration, relative to the file that names it.
    /// The file a name means: relative to the file it is written in.
    pub(super) fn beside(&self, path: &KeyPath<'_>, name: &str) -> PathBuf {
        let place = self.report.root.position(path);
        let folder = self.sources.get(place.file).and_then(|source| source.path.parent()).unwrap_or(Path::new(""));
        folder.join(name)
    }

    pub(super) fn file(&mut self, path: &KeyPath<'_>, name: &str) -> Option<Vec<u8>> {
        let file = self.beside(path, name);
        match self.files.read(&file) {
            Ok(content) => Some(content),
            Err(error) => {
                self.report.error(path, format!("cannot read {}: {error}", file.display()), None);
                None
            }
        }
    }
}
