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
