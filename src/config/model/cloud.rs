//! Who the sidecar is at a cloud.

use schemars::JsonSchema;
use serde::Deserialize;

/// An identity at Google Cloud.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Google {
    /// A credentials file: of a service account, a user, or a workload identity federation. Default: GOOGLE_APPLICATION_CREDENTIALS, else the file `gcloud auth application-default login` leaves, else the metadata server.
    pub credentials_file: Option<String>,
    /// The metadata server. Default: GCE_METADATA_HOST, else metadata.google.internal.
    pub metadata_host: Option<String>,
}

/// An identity at AWS. Default: what AWS's own libraries would find in the environment, in files, and beside a container or an instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Aws {
    /// The id of a key.
    pub access_key_id: Option<String>,
    /// Its secret: `${ENV}` or `${file:/path}`.
    pub secret_access_key: Option<String>,
    /// Of keys that last for a while only: `${ENV}` or `${file:/path}`.
    pub session_token: Option<String>,
    /// A profile of AWS's files. Default: AWS_PROFILE.
    pub profile: Option<String>,
    /// A role to take by these keys.
    pub role_arn: Option<String>,
    /// The id that the role may ask for.
    pub external_id: Option<String>,
    /// Where roles are taken. Default: AWS_ENDPOINT_URL_STS, else the region's.
    pub sts_endpoint: Option<String>,
}

/// An identity at Microsoft Entra. Default: what Azure's own libraries would find in the environment, else the machine's identity.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entra {
    /// The tenant. Default: AZURE_TENANT_ID.
    pub tenant_id: Option<String>,
    /// The application, or one of several identities of a machine. Default: AZURE_CLIENT_ID.
    pub client_id: Option<String>,
    /// The application's secret: `${ENV}` or `${file:/path}`. Default: AZURE_CLIENT_SECRET, else the token in AZURE_FEDERATED_TOKEN_FILE stands in.
    pub client_secret: Option<String>,
    /// Where tokens are given out. Default: AZURE_AUTHORITY_HOST, else https://login.microsoftonline.com.
    pub authority: Option<String>,
    /// What the tokens are for. Default: https://cognitiveservices.azure.com/.default.
    pub scope: Option<String>,
}
