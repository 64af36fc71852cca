//! A key for one value.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::SealError;
use crate::base::secret::Secret;

/// In bytes.
const LENGTH: usize = 32;

/// 256 bits for AES-256-GCM, wiped on drop.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; LENGTH]>);

impl DataKey {
    /// A new one.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn random() -> Result<Self, SealError> {
        let mut key = Self(Zeroizing::new([0; LENGTH]));
        aws_lc_rs::rand::fill(&mut *key.0).map_err(|_| SealError::Service("the system gives no random bytes".into()))?;
        Ok(key)
    }

    /// From the bytes a key service has given; `None` if they are not as many as there must be.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Zeroizing::new([0; LENGTH]));
        (bytes.len() == LENGTH).then(|| key.0.copy_from_slice(bytes)).map(|()| key)
    }

    /// The key itself. Call this only to wrap it.
    pub fn expose(&self) -> &[u8] {
        &*self.0
    }

    /// The nonce, the ciphertext and its tag.
    pub(super) fn encrypt(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        // Encrypted in place, so that the memory holds the plain value no longer.
        let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        buffer.extend_from_slice(plain);
        let nonce = self.cipher()?.seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut *buffer);
        let nonce = nonce.map_err(|_| SealError::Service("the value cannot be encrypted".into()))?;
        Ok([nonce.as_ref().as_slice(), &buffer].concat())
    }

    /// The inverse of [`Self::encrypt`], for text.
    pub(super) fn decrypt(&self, context: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let plain = self.decrypt_bytes(context, sealed)?;
        std::str::from_utf8(&plain).map(Secret::new).map_err(|_| SealError::Refused)
    }

    pub(super) fn decrypt_bytes(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Malformed("it is too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Refused)?;
        let mut buffer = Zeroizing::new(rest.to_vec());
        let length = match self.cipher()?.open_in_place(nonce, Aad::from(context.as_bytes()), &mut buffer) {
            Ok(plain) => plain.len(),
            Err(_) => return Err(SealError::Refused),
        };
        buffer.truncate(length);
        Ok(buffer)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, &*self.0).map_err(|_| SealError::Service("the key cannot be used".into()))
    }
}
