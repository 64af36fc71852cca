//! Who may use the admin API, beside those who have a token of the file's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::UpstreamTls;

/// TLS on the admin listener. PEM files, relative to the configuration file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminTls {
    /// The certificate and its chain.
    pub cert: Option<String>,
    /// The certificate's private key.
    pub key: Option<String>,
    /// Authorities of clients' certificates: everything but health then needs a certificate of one of them, beside the token.
    pub client_ca: Option<String>,
}

/// Tokens of an OpenID Connect provider (JWT).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// The provider's URL, as in the claim `iss`.
    pub issuer: Option<String>,
    /// What stands in the claim `aud` of tokens that are meant for the sidecar.
    pub audience: Option<String>,
    /// Where its keys are. Default: what its `/.well-known/openid-configuration` says.
    pub jwks_url: Option<String>,
    /// The claim with the user's name. Default: email, else preferred_username, else sub.
    pub name_claim: Option<String>,
    /// The claim with the user's groups, a text or a list; dots lead into objects, as in realm_access.roles. Default: groups.
    pub role_claim: Option<String>,
    /// The role of each group. Who is in none of them is refused.
    pub roles: BTreeMap<String, String>,
    /// TLS to the provider.
    pub tls: UpstreamTls,
}

/// Tokens of service accounts and users of a Kubernetes cluster, which its API server reviews (TokenReview).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesLogin {
    /// The API server. Default: that of the cluster the sidecar runs in.
    pub api_server: Option<String>,
    /// The audience of tokens that are meant for the sidecar. Default: the API server's own.
    pub audience: Option<String>,
    /// A file with the token the sidecar asks with, which may create tokenreviews. Default: that of its service account.
    pub token_file: Option<String>,
    /// The role of each user or group, as in system:serviceaccount:ops:deployer. Who is none of them is refused.
    pub roles: BTreeMap<String, String>,
    /// TLS to the API server. Default for `ca`: that of the service account.
    pub tls: UpstreamTls,
}
