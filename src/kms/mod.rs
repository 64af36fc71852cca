//! Floor 6: key-encryption keys that never leave a key service, and the sealer a configuration asks for.
//!
//! A service is asked from a thread of the question's own, so whoever asks waits. What was unwrapped once is remembered while the
//! process lives, so that a reload needs the service only for values that are new, and goes on without it otherwise.

mod aws;
mod remembered;
mod service;
mod transit;

use std::sync::Arc;

use crate::config::{KekSource, Secrets};
use crate::seal::{KeyEncryptionKey, LocalKey, Sealer};
use remembered::Remembered;

/// Makes sealers, and remembers what key services have unwrapped for them.
#[derive(Clone, Default)]
pub struct Keys {
    remembered: Arc<Remembered>,
}

impl Keys {
    /// The sealer of a configuration's keys. Asks no service yet.
    ///
    /// # Errors
    /// If a key cannot be used; says why.
    pub fn sealer(&self, secrets: &Secrets) -> Result<Sealer, String> {
        let old = secrets.old.iter().map(|source| self.key(source)).collect::<Result<_, _>>()?;
        Ok(Sealer::new(self.key(&secrets.kek)?, old))
    }

    fn key(&self, source: &KekSource) -> Result<Arc<dyn KeyEncryptionKey>, String> {
        Ok(match source {
            KekSource::Local(text) => Arc::new(LocalKey::read(text)?),
            KekSource::Transit(transit) => self.remembered.over(transit::TransitKey::new(transit)),
            KekSource::AwsKms(key) => self.remembered.over(aws::AwsKmsKey::new(key)),
        })
    }
}
