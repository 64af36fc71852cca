//! Who the sidecar is at a cloud: what its tokens are fetched by.

use std::path::PathBuf;

use serde::Deserialize;

use crate::base::secret::Secret;

/// A cloud that knows more than keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    Google,
    Aws,
    Azure,
}

impl Cloud {
    /// An identity there, as people call it.
    pub fn identity(self) -> &'static str {
        match self {
            Self::Google => "a Google Cloud identity",
            Self::Aws => "an AWS identity",
            Self::Azure => "a Microsoft Entra identity",
        }
    }
}

/// An identity at a cloud.
#[derive(Clone, Debug)]
pub enum CloudAuth {
    Google(GoogleAuth),
    Aws(AwsAuth),
    Entra(EntraAuth),
}

/// An identity at Google Cloud.
#[derive(Clone, Debug)]
pub enum GoogleAuth {
    /// The content of a credentials file.
    File(Secret),
    /// The metadata server at this host.
    Metadata(String),
}

/// An identity at AWS, and where its requests go.
#[derive(Clone, Debug)]
pub struct AwsAuth {
    pub identity: AwsIdentity,
    pub region: String,
}

/// Where an identity's keys are.
#[derive(Clone, Debug)]
pub enum AwsIdentity {
    Keys {
        id: String,
        secret: Secret,
        session: Option<Secret>,
    },
    /// Printed by this shell command.
    Process(String),
    /// At the endpoint beside a container, which may want a token.
    Container {
        url: String,
        token: Option<Secret>,
        token_file: Option<PathBuf>,
    },
    /// A role, taken by the token of another identity provider.
    WebIdentity {
        token_file: PathBuf,
        role: AwsRole,
    },
    /// A role, taken by another identity.
    Role {
        by: Box<AwsIdentity>,
        role: AwsRole,
    },
    /// At the metadata service of an instance.
    Metadata {
        endpoint: String,
    },
}

/// A role, and the service where it is taken.
#[derive(Clone, Debug)]
pub struct AwsRole {
    pub arn: String,
    pub session: String,
    pub external_id: Option<String>,
    pub sts: String,
}

impl AwsIdentity {
    /// The secrets in it.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Keys { secret, session, .. } => [Some(secret), session.as_ref()].into_iter().flatten().map(Secret::expose).collect(),
            Self::Container { token, .. } => token.iter().map(Secret::expose).collect(),
            Self::Role { by, .. } => by.secrets(),
            Self::Process(_) | Self::WebIdentity { .. } | Self::Metadata { .. } => Vec::new(),
        }
    }
}

/// An identity at Microsoft Entra, and what its tokens are for.
#[derive(Clone, Debug)]
pub struct EntraAuth {
    pub identity: EntraIdentity,
    pub authority: String,
    pub scope: String,
}

/// How an identity is proven.
#[derive(Clone, Debug)]
pub enum EntraIdentity {
    /// By an application's secret.
    Secret { tenant: String, client: String, secret: Secret },
    /// By a token of another identity provider, in a file.
    Federated { tenant: String, client: String, token_file: PathBuf },
    /// By where one runs: the endpoint beside a service of Azure's.
    Service { endpoint: String, header: Secret, client: Option<String> },
    /// By where one runs: the metadata service of a machine.
    Machine { endpoint: String, client: Option<String> },
}
