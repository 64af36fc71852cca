//! A key-encryption key at hand: from a file or the environment.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{DataKey, KeyEncryptionKey, SealError, key_id};
use crate::base::secret::Secret;

/// Bits of a file's mode: anyone may read or change it, and so may its group.
const OTHERS: u32 = 0o007;
const GROUP_WRITES: u32 = 0o020;
const GROUP_READS: u32 = 0o040;

/// A new key as text: 256 random bits in base64.
///
/// # Errors
/// If the system gives no randomness.
pub fn new_key() -> Result<Secret, SealError> {
    Ok(Secret::new(STANDARD.encode(DataKey::random()?.expose())))
}

/// A key as such.
pub struct LocalKey {
    id: String,
    key: DataKey,
}

impl LocalKey {
    /// From its text.
    ///
    /// # Errors
    /// If that is no key; says how to make one.
    pub fn read(text: &Secret) -> Result<Self, String> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).unwrap_or_default());
        match DataKey::from_bytes(&bytes) {
            Some(key) => Ok(Self { id: key_id(&[b"local", key.expose()]), key }),
            None => Err("it holds no key: 32 bytes in base64 are expected; make one with `llm-sidecar secret keygen`".to_owned()),
        }
    }

    /// Whether only its owner may read a file with a key. A file of somebody else's may be readable for its group: that is how
    /// Kubernetes hands secrets to a process that is not root.
    ///
    /// # Errors
    /// If it is not there, or can be read by too many.
    pub fn check_access(path: &Path) -> Result<(), String> {
        let shown = path.display();
        let facts = std::fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let is_own = std::fs::metadata("/proc/self").map_or(true, |own| own.uid() == facts.uid());
        let forbidden = OTHERS | GROUP_WRITES | if is_own { GROUP_READS } else { 0 };
        if facts.mode() & forbidden != 0 {
            let mode = facts.mode() & 0o777;
            return Err(format!("{shown} has the mode {mode:04o}, so that others can read the key; do `chmod 600 {shown}`"));
        }
        Ok(())
    }
}

impl KeyEncryptionKey for LocalKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap_key(&self, key: &DataKey, record: &str) -> Result<Vec<u8>, SealError> {
        self.key.encrypt(&self.context(record), key.expose())
    }

    fn unwrap_key(&self, wrapped: &[u8], record: &str) -> Result<DataKey, SealError> {
        let bytes = self.key.decrypt_bytes(&self.context(record), wrapped)?;
        DataKey::from_bytes(&bytes).ok_or(SealError::Refused)
    }
}

impl LocalKey {
    fn context(&self, record: &str) -> String {
        format!("llm-sidecar wrapped key v1\0{}\0{record}", self.id)
    }
}
