//! Where the store is.

use super::Check;
use crate::base::secret::Secret;
use crate::config::model::{self, StoreKind};
use crate::config::node::KeyPath;
use crate::config::types::Store;

const FILE: &str = "llm-sidecar.db";

impl Check<'_> {
    pub(super) fn store(&mut self, raw: &model::Store) -> Store {
        let root = KeyPath::Root;
        let path = root.key("store");
        for (key, given, kind) in [
            ("path", raw.path.is_some(), StoreKind::Sqlite),
            ("url", raw.url.is_some(), StoreKind::Postgres),
            ("ca", raw.ca.is_some(), StoreKind::Postgres),
        ] {
            if given && raw.kind != kind {
                let name = if kind == StoreKind::Sqlite { "sqlite" } else { "postgres" };
                self.report.error(&path.key(key), format!("`{key}` is for `type: {name}` only"), None);
            }
        }
        match raw.kind {
            StoreKind::None => Store::None,
            StoreKind::Sqlite => {
                let at = path.key("path");
                Store::Sqlite { path: self.beside(&at, raw.path.as_deref().unwrap_or(FILE)) }
            }
            StoreKind::Postgres => {
                let at = path.key("url");
                match &raw.url {
                    None => {
                        self.report.missing(&path, "url", "write it like `postgres://user:password@host/name`".to_owned());
                        Store::None
                    }
                    Some(url) => {
                        self.literal(&at);
                        let ca_pem = raw.ca.as_deref().and_then(|ca| self.certificates(&path.key("ca"), ca));
                        Store::Postgres { url: Secret::new(url.clone()), ca_pem }
                    }
                }
            }
        }
    }
}
