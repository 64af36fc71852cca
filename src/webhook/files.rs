//! The files the webhook lives by.

use std::path::PathBuf;

use parking_lot::Mutex;

use super::served::Served;
use crate::base::secret::Secret;
use crate::config::{ServerTls, hash_files};
use crate::inject::Settings;

/// Certificate, key and settings.
pub(super) struct Files {
    /// None where the webhook makes its certificate itself.
    certificate: Option<(PathBuf, PathBuf)>,
    settings: Option<PathBuf>,
    /// Of what was read last, usable or not.
    hash: Mutex<String>,
}

/// What the files hold.
pub(super) struct Read {
    pub served: Option<Served>,
    pub settings: Settings,
}

impl Files {
    pub(super) fn new(certificate: Option<(PathBuf, PathBuf)>, settings: Option<PathBuf>) -> Self {
        Self { certificate, settings, hash: Mutex::default() }
    }

    /// Reads them all.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub(super) fn read(&self) -> Result<Read, String> {
        *self.hash.lock() = self.content();
        let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let served = match &self.certificate {
            None => None,
            Some((chain, key)) => {
                let tls = ServerTls { cert_pem: text(chain)?.into_bytes(), key_pem: Secret::new(text(key)?), client_ca_pem: None };
                Some(Served::new(&tls).map_err(|error| format!("{}: {error}", chain.display()))?)
            }
        };
        let settings = match &self.settings {
            None => Settings::default(),
            Some(path) => Settings::read(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))?,
        };
        Ok(Read { served, settings })
    }

    /// The same, if anything has changed since they were read last.
    pub(super) fn changed(&self) -> Option<Result<Read, String>> {
        let content = self.content();
        let has_changed = *self.hash.lock() != content;
        has_changed.then(|| self.read())
    }

    fn content(&self) -> String {
        let certificate = self.certificate.iter().flat_map(|(chain, key)| [chain, key]);
        let files: Vec<PathBuf> = certificate.chain(&self.settings).cloned().collect();
        hash_files(&files)
    }
}
