//! The store, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where what is made through the admin API is kept. Changes need a restart.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// none: nothing can be made through the API. sqlite: a file of this process's own. postgres: a database that replicas share. Default: none.
    #[serde(rename = "type")]
    pub kind: StoreKind,
    /// sqlite: the file, relative to this one. Default: llm-sidecar.db.
    pub path: Option<String>,
    /// postgres: where the database is, as in `postgres://user:password@host/name`. Best `${ENV}` or `${file:/path}`.
    pub url: Option<String>,
    /// postgres: certificate authorities to trust instead of the usual ones; TLS is required then. A PEM file.
    pub ca: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    #[default]
    None,
    Sqlite,
    Postgres,
}
