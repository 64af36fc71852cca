//! The files the webhook lives by.

use std::path::PathBuf;

use parking_lot::Mutex;
use tokio_rustls::TlsAcceptor;

use crate::base::secret::Secret;
use crate::config::{ServerTls, hash_files};
use crate::inject::Settings;
use crate::server;

/// Certificate, key and settings.
pub(super) struct Files {
    cert: PathBuf,
    key: PathBuf,
    settings: Option<PathBuf>,
    /// Of what was read last, usable or not.
    hash: Mutex<String>,
}

/// What the files hold.
pub(super) struct Read {
    pub acceptor: TlsAcceptor,
    pub settings: Settings,
}

impl Files {
    pub(super) fn new(cert: PathBuf, key: PathBuf, settings: Option<PathBuf>) -> Self {
        Self { cert, key, settings, hash: Mutex::default() }
    }

    /// Reads them all.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub(super) fn read(&self) -> Result<Read, String> {
        *self.hash.lock() = self.content();
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let tls = ServerTls { cert_pem: text(&self.cert)?.into_bytes(), key_pem: Secret::new(text(&self.key)?) };
        let acceptor = server::acceptor(&tls).map_err(|error| format!("{}: {error}", self.cert.display()))?;
        let settings = match &self.settings {
            None => Settings::default(),
            Some(path) => Settings::read(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        };
        Ok(Read { acceptor, settings })
    }

    /// The same, if anything has changed since they were read last.
    pub(super) fn changed(&self) -> Option<Result<Read, String>> {
        let content = self.content();
        let has_changed = *self.hash.lock() != content;
        has_changed.then(|| self.read())
    }

    fn content(&self) -> String {
        let files: Vec<PathBuf> = [&self.cert, &self.key].into_iter().chain(&self.settings).cloned().collect();
        hash_files(&files)
    }
}
