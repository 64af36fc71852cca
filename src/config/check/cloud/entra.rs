//! An identity at Microsoft Entra, looked for where Azure's own libraries look.

use std::path::PathBuf;

use crate::base::secret::Secret;
use crate::config::check::{Check, url};
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{EntraAuth, EntraIdentity};

const AUTHORITY: &str = "https://login.microsoftonline.com";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const METADATA: &str = "http://169.254.169.254";

impl Check<'_> {
    /// Whether the file or the environment speaks of an identity, so that it may stand in for a key.
    pub(super) fn has_entra(&self, path: &KeyPath<'_>) -> bool {
        let has = |name| self.variable(&[name]).is_some();
        let is_application = has("AZURE_TENANT_ID") && has("AZURE_CLIENT_ID");
        self.report.has(&path.key("entra"))
            || is_application && (has("AZURE_CLIENT_SECRET") || has("AZURE_FEDERATED_TOKEN_FILE"))
            || has("IDENTITY_ENDPOINT") && has("IDENTITY_HEADER")
    }

    pub(super) fn entra(&mut self, raw: &model::Entra, path: &KeyPath<'_>) -> Option<EntraAuth> {
        let path = path.key("entra");
        if self.report.has(&path.key("client_secret")) {
            self.literal(&path.key("client_secret"));
        }
        let tenant = raw.tenant_id.clone().or_else(|| self.variable(&["AZURE_TENANT_ID"]));
        let client = raw.client_id.clone().or_else(|| self.variable(&["AZURE_CLIENT_ID"]));
        let secret = raw.client_secret.clone().or_else(|| self.variable(&["AZURE_CLIENT_SECRET"]));
        let token_file = self.variable(&["AZURE_FEDERATED_TOKEN_FILE"]);
        for (key, id) in [("tenant_id", &tenant), ("client_id", &client)] {
            if id.as_deref().is_some_and(|id| id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))) {
                self.report.error(&path.key(key), "this is no id", "write it like `00000000-0000-0000-0000-000000000000`".to_owned());
            }
        }
        let identity = match (secret, token_file) {
            (Some(secret), _) => {
                let (tenant, client) = self.application(tenant, client, "a `client_secret`", &path)?;
                EntraIdentity::Secret { tenant, client, secret: Secret::new(secret) }
            }
            (None, Some(file)) => {
                let (tenant, client) = self.application(tenant, client, "AZURE_FEDERATED_TOKEN_FILE", &path)?;
                EntraIdentity::Federated { tenant, client, token_file: PathBuf::from(file) }
            }
            (None, None) if raw.tenant_id.is_some() => {
                let hint = "set AZURE_CLIENT_SECRET in the environment; a managed identity takes no `tenant_id`".to_owned();
                self.report.missing(&path, "client_secret", hint);
                return None;
            }
            (None, None) => match (self.variable(&["IDENTITY_ENDPOINT"]), self.variable(&["IDENTITY_HEADER"])) {
                (Some(endpoint), Some(header)) => EntraIdentity::Service { endpoint, header: Secret::new(header), client },
                _ => {
                    let endpoint = self.variable(&["AZURE_POD_IDENTITY_AUTHORITY_HOST"]).unwrap_or_else(|| METADATA.to_owned());
                    EntraIdentity::Machine { endpoint: endpoint.trim_end_matches('/').to_owned(), client }
                }
            },
        };
        let authority = match &raw.authority {
            Some(text) => url::base_url(text).map_err(|(message, hint)| self.report.error(&path.key("authority"), message, hint)).ok()?,
            None => self.variable(&["AZURE_AUTHORITY_HOST"]).unwrap_or_else(|| AUTHORITY.to_owned()).trim_end_matches('/').to_owned(),
        };
        Some(EntraAuth { identity, authority, scope: raw.scope.clone().unwrap_or_else(|| SCOPE.to_owned()) })
    }

    fn application(&mut self, tenant: Option<String>, client: Option<String>, what: &str, path: &KeyPath<'_>) -> Option<(String, String)> {
        for (key, variable, id) in [("tenant_id", "AZURE_TENANT_ID", &tenant), ("client_id", "AZURE_CLIENT_ID", &client)] {
            if id.is_none() {
                self.report.missing(path, key, format!("{what} needs it: name it, or set {variable} in the environment"));
            }
        }
        tenant.zip(client)
    }
}
