//! The text of a sealed value.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{PREFIX, SealError};

const VERSION: &str = "v1";

/// A sealed value, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    /// The id of the key that wrapped the data key.
    pub key: String,
    pub wrapped: Vec<u8>,
    /// The nonce, the ciphertext and its tag.
    pub body: Vec<u8>,
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wrapped, body) = (URL_SAFE_NO_PAD.encode(&self.wrapped), URL_SAFE_NO_PAD.encode(&self.body));
        write!(f, "{PREFIX}{VERSION}:{}:{wrapped}:{body}", self.key)
    }
}

impl FromStr for Sealed {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(SealError::Malformed("it does not begin with `enc:`"))?;
        let mut parts = rest.split(':');
        match parts.next() {
            Some(VERSION) => {}
            _ => return Err(SealError::Malformed("it is not of the form `enc:v1:...`, which `llm-sidecar secret encrypt` writes")),
        }
        let (Some(key), Some(wrapped), Some(body), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Malformed("it has not as many parts as `enc:v1:<key>:<wrapped key>:<ciphertext>`"));
        };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| SealError::Malformed("a part of it is not base64"));
        Ok(Self { key: key.to_owned(), wrapped: bytes(wrapped)?, body: bytes(body)? })
    }
}
