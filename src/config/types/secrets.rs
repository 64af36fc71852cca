//! What encrypted values are opened with.

use std::path::PathBuf;

use super::{AwsAuth, ClientTls};
use crate::base::secret::Secret;

/// The key-encryption keys.
#[derive(Clone, Debug)]
pub struct Secrets {
    pub kek: KekSource,
    /// They only open.
    pub old: Vec<KekSource>,
}

/// A key-encryption key, or the service that holds it.
#[derive(Clone, Debug)]
pub enum KekSource {
    /// The key's text.
    Local(Secret),
    Transit(Box<Transit>),
    AwsKms(Box<AwsKmsKey>),
}

/// A key of a transit engine of HashiCorp Vault or OpenBao.
#[derive(Clone, Debug)]
pub struct Transit {
    /// The server's URL, without a trailing slash.
    pub address: String,
    pub mount: String,
    pub key_name: String,
    pub namespace: Option<String>,
    pub login: TransitLogin,
    pub tls: ClientTls,
}

/// How one gets at a token of Vault's.
#[derive(Clone, Debug)]
pub enum TransitLogin {
    Token(Secret),
    TokenFile(PathBuf),
    /// Logs in with the service account's token.
    Kubernetes {
        mount: String,
        role: String,
        token_file: PathBuf,
    },
}

/// A key of AWS's Key Management Service.
#[derive(Clone, Debug)]
pub struct AwsKmsKey {
    pub key_id: String,
    /// The service's URL, without a trailing slash.
    pub endpoint: String,
    pub auth: AwsAuth,
}
