//! Floor 1: secrets at rest. Envelope encryption: each value is encrypted (AES-256-GCM) with a data key of its own, and the data
//! key is wrapped by a key-encryption key, which is a key at hand or one that never leaves a key service.
//!
//! A sealed value is bound to its *record*, the name of the place it belongs to: moved to another place it does not open. It is
//! text, `enc:v1:<key>:<wrapped data key>:<nonce and ciphertext>`, where `<key>` tells which key-encryption key wrapped it.
//!
//! A key service is asked over the network, so sealing and opening may block; call them on a thread that may wait.

mod data_key;
mod local;
mod sealed;

use std::sync::Arc;

use crate::base::secret::Secret;
pub use data_key::DataKey;
pub use local::{LocalKey, new_key};
use sealed::Sealed;

/// What every sealed value begins with.
pub const PREFIX: &str = "enc:";

/// Wraps data keys.
pub trait KeyEncryptionKey: Send + Sync {
    /// Tells this key from others without telling anything of it: 16 hexadecimal digits.
    fn id(&self) -> &str;

    /// Encrypts a data key so that only this key, and only for this record, decrypts it.
    ///
    /// # Errors
    /// If a key service does not do it.
    fn wrap_key(&self, key: &DataKey, record: &str) -> Result<Vec<u8>, SealError>;

    /// Decrypts what [`Self::wrap_key`] has made.
    ///
    /// # Errors
    /// If it was made for another record or by another key, or was changed, or a key service does not do it.
    fn unwrap_key(&self, wrapped: &[u8], record: &str) -> Result<DataKey, SealError>;
}

/// Why a value cannot be sealed or opened. Says nothing of the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("this is no sealed value: {0}")]
    Malformed(&'static str),
    #[error("the value was sealed with the key {sealed}, which is not among the configured ones ({})", known.join(", "))]
    UnknownKey { sealed: String, known: Vec<String> },
    #[error("the value does not open: it was sealed for another place, or was changed")]
    Refused,
    #[error("the key service failed: {0}")]
    Service(String),
}

/// Seals with one key-encryption key, and opens what it or one of the old ones has sealed.
#[derive(Clone)]
pub struct Sealer {
    current: Arc<dyn KeyEncryptionKey>,
    old: Vec<Arc<dyn KeyEncryptionKey>>,
}

impl Sealer {
    /// `old` are keys that only open, until everything has been sealed anew.
    pub fn new(current: Arc<dyn KeyEncryptionKey>, old: Vec<Arc<dyn KeyEncryptionKey>>) -> Self {
        Self { current, old }
    }

    /// The id of the key that seals.
    pub fn key_id(&self) -> &str {
        self.current.id()
    }

    /// Encrypts a value for a record. May block.
    ///
    /// # Errors
    /// If the key service fails.
    pub fn seal(&self, record: &str, value: &Secret) -> Result<String, SealError> {
        let key = DataKey::random()?;
        let wrapped = self.current.wrap_key(&key, record)?;
        let body = key.encrypt(&context(self.current.id(), record), value.expose().as_bytes())?;
        Ok(Sealed { key: self.current.id().to_owned(), wrapped, body }.to_string())
    }

    /// Decrypts a value that was sealed for this record. May block.
    ///
    /// # Errors
    /// If it is no sealed value, was sealed for another record, was changed, or its key is not among the configured ones.
    pub fn open(&self, record: &str, text: &str) -> Result<Secret, SealError> {
        let sealed: Sealed = text.parse()?;
        let mut keys = std::iter::once(&self.current).chain(&self.old);
        let Some(key) = keys.find(|key| key.id() == sealed.key) else {
            let known = std::iter::once(&self.current).chain(&self.old).map(|key| key.id().to_owned()).collect();
            return Err(SealError::UnknownKey { sealed: sealed.key, known });
        };
        let data_key = key.unwrap_key(&sealed.wrapped, record)?;
        data_key.decrypt(&context(&sealed.key, record), &sealed.body)
    }

    /// The value sealed by the current key, with a new data key; `None` if it is sealed by the current key already. May block.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::seal`].
    pub fn reseal(&self, record: &str, text: &str) -> Result<Option<String>, SealError> {
        if text.parse::<Sealed>()?.key == self.current.id() {
            return Ok(None);
        }
        self.seal(record, &self.open(record, text)?).map(Some)
    }
}

/// Whether a text claims to be a sealed value.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// What a ciphertext is bound to.
fn context(key: &str, record: &str) -> String {
    format!("llm-sidecar sealed value v1\0{key}\0{record}")
}

/// The id of a key from what distinguishes it.
pub fn key_id(parts: &[&[u8]]) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(b"llm-sidecar key id\0");
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
