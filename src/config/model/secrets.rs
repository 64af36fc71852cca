//! What encrypted values are opened with.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Aws, UpstreamTls};

/// Encrypted values (`enc:...`), which `llm-sidecar secret encrypt` makes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// The key-encryption key: where it is, or which service holds it.
    pub kek: KeyEncryptionKey,
    /// Former keys, which only open what they have sealed. `llm-sidecar secret rotate` makes them superfluous.
    pub old: Vec<KeyEncryptionKey>,
}

/// One of `file`, `env`, `vault` and `aws_kms`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeyEncryptionKey {
    /// A file with a key of `llm-sidecar secret keygen`, which only its owner may read (mode 0600).
    pub file: Option<String>,
    /// An environment variable that holds such a key.
    pub env: Option<String>,
    /// A key of the transit engine of HashiCorp Vault or OpenBao.
    pub vault: Option<VaultTransit>,
    /// A key of AWS's Key Management Service.
    pub aws_kms: Option<AwsKms>,
}

/// A key of a transit engine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VaultTransit {
    /// The server's URL. Default: VAULT_ADDR.
    pub address: Option<String>,
    /// The key's name. Its type must be aes256-gcm96 or another that takes associated data.
    pub key_name: Option<String>,
    /// Where the transit engine is mounted. Default: transit.
    pub mount: Option<String>,
    /// The namespace. Default: VAULT_NAMESPACE.
    pub namespace: Option<String>,
    /// The token: `${ENV}` or `${file:/path}`. Default: VAULT_TOKEN.
    pub token: Option<String>,
    /// A file with the token, read each time it is needed; or with `role`, the service account's token. Default with `role`: that of the pod.
    pub token_file: Option<String>,
    /// Log in with Kubernetes authentication, with this role.
    pub role: Option<String>,
    /// Where Kubernetes authentication is mounted. Default: kubernetes.
    pub auth_mount: Option<String>,
    /// TLS to the server.
    pub tls: UpstreamTls,
}

/// A key of AWS's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AwsKms {
    /// The key's id, ARN or alias.
    pub key_id: Option<String>,
    /// The region. Default: the one in the ARN, else AWS_REGION or AWS_DEFAULT_REGION.
    pub region: Option<String>,
    /// The service's URL. Default: the region's.
    pub endpoint: Option<String>,
    /// Who the sidecar is at AWS.
    pub aws: Aws,
}
