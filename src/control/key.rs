//! Keys that are issued to clients.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::base::secret::Secret;

const PREFIX: &str = "sk-sidecar-";

/// A key that was just made. Only its digest is kept, so it can be shown once.
pub struct NewKey {
    /// Names the key where the key itself must not be named.
    pub id: String,
    pub key: Secret,
    sha256: String,
}

impl NewKey {
    /// # Errors
    /// If the system has no randomness to give.
    pub fn make() -> Result<Self, String> {
        let mut bytes = [0; 40];
        SystemRandom::new().fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
        let (id, secret) = bytes.split_at(8);
        let key = format!("{PREFIX}{}", hexadecimal(secret));
        let sha256 = hexadecimal(digest(&SHA256, key.as_bytes()).as_ref());
        Ok(Self { id: hexadecimal(id), key: Secret::new(key), sha256 })
    }

    /// What is kept of it.
    pub fn record(&self, created: u64) -> Value {
        json!({"id": self.id, "sha256": self.sha256, "created_at": created})
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_their_record_does_not_hold_them() {
        let [one, other] = [0, 1].map(|_| NewKey::make().unwrap());
        assert!(one.key.expose() != other.key.expose() && one.id != other.id);
        assert_eq!(one.key.expose().len(), PREFIX.len() + 64);
        assert!(!one.record(1).to_string().contains(one.key.expose().trim_start_matches(PREFIX)));
    }
}
