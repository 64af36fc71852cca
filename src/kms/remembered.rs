//! What a key service has unwrapped, kept in memory.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use parking_lot::Mutex;

use crate::seal::{DataKey, KeyEncryptionKey, SealError};

/// No more keys are remembered; they are forgotten all at once then.
const MOST: usize = 10_000;

type Print = [u8; 32];

/// Data keys by what they were wrapped in, and for which record.
#[derive(Default)]
pub struct Remembered(Mutex<HashMap<Print, DataKey>>);

impl Remembered {
    /// The same key, asked only for what is not remembered.
    pub fn over(self: &Arc<Self>, key: impl KeyEncryptionKey + 'static) -> Arc<dyn KeyEncryptionKey> {
        Arc::new(Over { key, remembered: Arc::clone(self) })
    }
}

struct Over<K> {
    key: K,
    remembered: Arc<Remembered>,
}

impl<K: KeyEncryptionKey> KeyEncryptionKey for Over<K> {
    fn id(&self) -> &str {
        self.key.id()
    }

    fn wrap_key(&self, key: &DataKey, record: &str) -> Result<Vec<u8>, SealError> {
        self.key.wrap_key(key, record)
    }

    fn unwrap_key(&self, wrapped: &[u8], record: &str) -> Result<DataKey, SealError> {
        let print = print(&[self.id().as_bytes(), record.as_bytes(), wrapped]);
        if let Some(key) = self.remembered.0.lock().get(&print) {
            return Ok(key.clone());
        }
        let key = self.key.unwrap_key(wrapped, record)?;
        let mut remembered = self.remembered.0.lock();
        if remembered.len() >= MOST {
            remembered.clear();
        }
        remembered.insert(print, key.clone());
        Ok(key)
    }
}

fn print(parts: &[&[u8]]) -> Print {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut print = [0; 32];
    print.copy_from_slice(context.finish().as_ref());
    print
}
