//! Where what is made through the admin API is kept.

use std::path::PathBuf;

use crate::base::secret::Secret;

/// The place of the store. Boot-only.
#[derive(Clone, Debug, Default)]
pub enum Store {
    /// There is none: the file says everything.
    #[default]
    None,
    /// A file of this process's own.
    Sqlite { path: PathBuf },
    /// A database that several replicas share.
    Postgres {
        /// A URL or `key=value` pairs; holds the password.
        url: Secret,
        /// Trust anchors in place of Mozilla's.
        ca_pem: Option<Vec<u8>>,
    },
}

impl Store {
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether both mean the same place.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Sqlite { path }, Self::Sqlite { path: other }) => path == other,
            (Self::Postgres { url, ca_pem }, Self::Postgres { url: other, ca_pem: other_ca }) => {
                url.expose() == other.expose() && ca_pem == other_ca
            }
            _ => false,
        }
    }
}
