//! Who may use the admin API.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{ClientTls, Role};

/// A user of the admin API.
#[derive(Clone, Debug)]
pub struct AdminToken {
    pub name: String,
    pub role: Role,
    /// SHA-256 of the bearer token.
    pub digest: [u8; 32],
}

/// Tokens of an OpenID Connect provider.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// As in the claim `iss`.
    pub issuer: String,
    pub audience: String,
    /// `None`: what the provider says of itself.
    pub jwks_url: Option<String>,
    pub name_claim: Option<String>,
    pub role_claim: String,
    /// By group.
    pub roles: BTreeMap<String, Role>,
    pub tls: ClientTls,
}

/// Tokens that an API server of Kubernetes reviews.
#[derive(Clone, Debug)]
pub struct KubernetesLogin {
    /// Its URL, without a trailing slash.
    pub api_server: String,
    pub audience: Option<String>,
    /// Read each time it is needed.
    pub token_file: PathBuf,
    /// By user or group.
    pub roles: BTreeMap<String, Role>,
    pub tls: ClientTls,
}
