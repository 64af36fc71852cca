//! The keys that encrypted values are opened with.

use zeroize::Zeroizing;

use super::{Check, url};
use crate::base::secret::Secret;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{AwsKmsKey, KekSource, Secrets, Transit, TransitLogin};
use crate::seal::LocalKey;

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const KINDS: &str = "one of `file`, `env`, `vault` and `aws_kms`, as in `kek: {file: kek.key}`";

impl Check<'_> {
    pub(super) fn secrets(&mut self, raw: &model::Secrets) -> Option<Secrets> {
        let root = KeyPath::Root;
        let path = root.key("secrets");
        let kek = self.kek(&raw.kek, &path.key("kek"));
        let list = path.key("old");
        let old: Vec<_> = raw.old.iter().enumerate().map(|(index, old)| self.kek(old, &list.item(index))).collect();
        Some(Secrets { kek: kek?, old: old.into_iter().collect::<Option<_>>()? })
    }

    fn kek(&mut self, raw: &model::KeyEncryptionKey, path: &KeyPath<'_>) -> Option<KekSource> {
        match (&raw.file, &raw.env, &raw.vault, &raw.aws_kms) {
            (Some(file), None, None, None) => {
                let at = path.key("file");
                let text = self.key_file(&at, file)?;
                self.local(text, &at)
            }
            (None, Some(name), None, None) => {
                let at = path.key("env");
                match (self.env)(name).filter(|text| !text.trim().is_empty()) {
                    Some(text) => self.local(Secret::new(text), &at),
                    None => {
                        self.report.error(&at, format!("the environment variable `{name}` is not set or empty"), None);
                        None
                    }
                }
            }
            (None, None, Some(vault), None) => self.transit(vault, &path.key("vault")).map(|transit| KekSource::Transit(Box::new(transit))),
            (None, None, None, Some(kms)) => self.aws_kms(kms, &path.key("aws_kms")).map(|key| KekSource::AwsKms(Box::new(key))),
            (None, None, None, None) => {
                self.report.error(path, "no key is named", format!("write {KINDS}"));
                None
            }
            _ => {
                self.report.error(path, "more than one key is named", format!("keep {KINDS}; former keys go to `secrets.old`"));
                None
            }
        }
    }

    fn local(&mut self, text: Secret, path: &KeyPath<'_>) -> Option<KekSource> {
        match LocalKey::read(&text) {
            Ok(_) => Some(KekSource::Local(text)),
            Err(message) => {
                self.report.error(path, message, None);
                None
            }
        }
    }

    /// The text in a file that only its owner may read.
    fn key_file(&mut self, path: &KeyPath<'_>, name: &str) -> Option<Secret> {
        let content = Zeroizing::new(self.file(path, name)?);
        if let Err(message) = LocalKey::check_access(&self.beside(path, name)) {
            self.report.error(path, message, None);
            return None;
        }
        Some(Secret::new(String::from_utf8_lossy(&content)))
    }

    fn transit(&mut self, raw: &model::VaultTransit, path: &KeyPath<'_>) -> Option<Transit> {
        let address = raw.address.clone().or_else(|| self.variable(&["VAULT_ADDR"]));
        let address = match address.as_deref().map(url::base_url) {
            Some(Ok(address)) => Some(address),
            Some(Err((message, hint))) => {
                self.report.error(&path.key("address"), message, hint);
                None
            }
            None => {
                self.report.missing(path, "address", "write it like `https://vault.example:8200`, or set VAULT_ADDR".to_owned());
                None
            }
        };
        if raw.key_name.is_none() {
            self.report.missing(path, "key_name", "name the key of the transit engine".to_owned());
        }
        for (key, value) in [("key_name", &raw.key_name), ("mount", &raw.mount), ("auth_mount", &raw.auth_mount)] {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') || (c == '/' && key != "key_name");
            if value.as_deref().is_some_and(|value| value.is_empty() || value.contains("..") || !value.chars().all(is_plain)) {
                self.report.error(&path.key(key), "this can be no part of Vault's URLs", None);
            }
        }
        if self.report.has(&path.key("token")) {
            self.literal(&path.key("token"));
        }
        let token_file = raw.token_file.as_ref().map(|name| self.beside(&path.key("token_file"), name));
        let token = raw.token.clone().or_else(|| self.variable(&["VAULT_TOKEN"]));
        let login = match (&raw.role, token_file, token) {
            (Some(role), file, _) if raw.token.is_none() => TransitLogin::Kubernetes {
                mount: raw.auth_mount.clone().unwrap_or_else(|| "kubernetes".to_owned()),
                role: role.clone(),
                token_file: file.unwrap_or_else(|| SERVICE_ACCOUNT.into()),
            },
            (Some(_), _, _) => {
                self.report.error(&path.key("token"), "`token` and `role` exclude each other", None);
                return None;
            }
            (None, Some(file), _) => TransitLogin::TokenFile(file),
            (None, None, Some(token)) => TransitLogin::Token(Secret::new(token)),
            (None, None, None) => {
                self.report.missing(path, "token", "write `token`, `token_file` or `role`, or set VAULT_TOKEN".to_owned());
                return None;
            }
        };
        let tls = self.client_tls(&raw.tls, &path.key("tls"));
        Some(Transit {
            address: address?,
            mount: raw.mount.clone().unwrap_or_else(|| "transit".to_owned()),
            key_name: raw.key_name.clone()?,
            namespace: raw.namespace.clone().or_else(|| self.variable(&["VAULT_NAMESPACE"])),
            login,
            tls,
        })
    }

    fn aws_kms(&mut self, raw: &model::AwsKms, path: &KeyPath<'_>) -> Option<AwsKmsKey> {
        let Some(key_id) = raw.key_id.clone().filter(|id| !id.is_empty()) else {
            self.report.missing(path, "key_id", "name the key by its id, ARN or alias".to_owned());
            return None;
        };
        let endpoint = match raw.endpoint.as_deref().map(url::base_url) {
            None => None,
            Some(Ok(endpoint)) => Some(endpoint),
            Some(Err((message, hint))) => {
                self.report.error(&path.key("endpoint"), message, hint);
                return None;
            }
        };
        // arn:aws:kms:eu-west-1:123456789012:key/...
        let of_arn = key_id.starts_with("arn:").then(|| key_id.split(':').nth(3)).flatten();
        let region = raw.region.as_deref().or(of_arn);
        let auth = self.aws(&raw.aws, region, endpoint.as_deref().unwrap_or("https://kms.amazonaws.com"), path)?;
        let end = if auth.region.starts_with("cn-") { ".cn" } else { "" };
        let endpoint = endpoint.unwrap_or_else(|| format!("https://kms.{}.amazonaws.com{end}", auth.region));
        Some(AwsKmsKey { key_id, endpoint, auth })
    }
}
