//! Who the sidecar is at a cloud: what its tokens are fetched by.

use serde::Deserialize;

use crate::base::secret::Secret;

/// A cloud that knows more than keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    Google,
}

impl Cloud {
    /// An identity there, as people call it.
    pub fn identity(self) -> &'static str {
        match self {
            Self::Google => "a Google Cloud identity",
        }
    }
}

/// An identity at a cloud.
#[derive(Clone, Debug)]
pub enum CloudAuth {
    Google(GoogleAuth),
}

/// An identity at Google Cloud.
#[derive(Clone, Debug)]
pub enum GoogleAuth {
    /// The content of a credentials file.
    File(Secret),
    /// The metadata server at this host.
    Metadata(String),
}
