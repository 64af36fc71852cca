//! Who may use the admin API: tokens, and who vouches for others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::access::{Distinct, hexadecimal, sha256};
use super::{Check, url};
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::suggest::{nearest, one_of};
use crate::config::types::{AdminToken, ClientTls, KubernetesLogin, Oidc, Permission, Role, ServerTls};

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl Check<'_> {
    /// The built-in roles and those of the file.
    pub(super) fn roles(&mut self, raw: &BTreeMap<String, Vec<String>>) -> Vec<Role> {
        let root = KeyPath::Root;
        let admin = root.key("admin");
        let map = admin.key("roles");
        let mut roles: Vec<Role> = Role::BUILT_IN.into_iter().filter_map(Role::built_in).collect();
        for (name, words) in raw {
            let path = map.key(name);
            self.name(&path, name);
            if Role::built_in(name).is_some() {
                self.report.error_on_key(&path, format!("`{name}` is a built-in role"), "give it another name".to_owned());
            }
            let mut role = Role::nothing(name);
            for (index, word) in words.iter().enumerate() {
                let Some(permission) = Permission::find(word) else {
                    let known = Permission::ALL.map(Permission::as_str);
                    let hint = nearest(word, known)
                        .map_or_else(|| format!("there are {}", one_of(known)), |near| format!("did you mean `{near}`?"));
                    self.report.error(&path.item(index), format!("unknown permission `{word}`"), hint);
                    continue;
                };
                role.permissions.insert(permission);
            }
            roles.push(role);
        }
        roles
    }

    pub(super) fn tokens(&mut self, raw: &[model::AdminToken], roles: &[Role]) -> Vec<AdminToken> {
        let root = KeyPath::Root;
        let admin = root.key("admin");
        let list = admin.key("tokens");
        let mut seen = Distinct::default();
        let mut tokens = Vec::with_capacity(raw.len());
        for (index, token) in raw.iter().enumerate() {
            let path = list.item(index);
            let hash = token.token_sha256.as_deref().map(|text| self.hash(&path.key("token_sha256"), text));
            let plain = match (&token.token, &hash) {
                (Some(_), Some(_)) => {
                    let hint = "keep `token_sha256`, from which nobody learns the token".to_owned();
                    self.report.error(&path.key("token"), "there are a token and a hash of one", hint);
                    continue;
                }
                (None, Some(_)) => None,
                (token, None) => Some(("token", token.as_deref())),
            };
            match plain {
                Some(secret) => self.caller(&path, token.name.as_deref(), secret, &mut seen),
                None => self.called(&path, token.name.as_deref(), &mut seen),
            }
            let of_plain = || sha256(token.token.as_deref().unwrap_or_default().as_bytes());
            tokens.push(AdminToken {
                name: token.name.clone().unwrap_or_default(),
                role: self.role(token.role.as_deref(), roles, &path.key("role")),
                digest: hash.flatten().unwrap_or_else(of_plain),
            });
        }
        tokens
    }

    fn role(&mut self, name: Option<&str>, roles: &[Role], path: &KeyPath<'_>) -> Role {
        let name = name.unwrap_or(Role::BUILT_IN[0]);
        roles.iter().find(|role| role.name == name).cloned().unwrap_or_else(|| {
            let known = one_of(roles.iter().map(|role| role.name.as_str()));
            self.report.error(path, format!("unknown role `{name}`"), format!("there are {known}; further ones go into `admin.roles`"));
            Role::nothing(name)
        })
    }

    /// A SHA-256 in hexadecimal digits. `None`: it is none, which has been said.
    fn hash(&mut self, path: &KeyPath<'_>, text: &str) -> Option<[u8; 32]> {
        let hash = hexadecimal(text);
        if hash.is_none() {
            let hint = "64 hexadecimal digits are expected, as `printf %s TOKEN | sha256sum` prints them".to_owned();
            self.report.error(path, "this is no SHA-256", hint);
        }
        hash
    }

    pub(super) fn admin_tls(&mut self, raw: &model::AdminTls) -> Option<ServerTls> {
        let root = KeyPath::Root;
        let admin = root.key("admin");
        let path = admin.key("tls");
        let client_ca_pem = raw.client_ca.as_deref().and_then(|ca| self.certificates(&path.key("client_ca"), ca));
        let tls = self.served_tls(&path, raw.cert.as_deref(), raw.key.as_deref())?;
        Some(ServerTls { client_ca_pem, ..tls })
    }

    pub(super) fn oidc(&mut self, raw: &model::Oidc, roles: &[Role]) -> Option<Oidc> {
        let root = KeyPath::Root;
        let admin = root.key("admin");
        let path = admin.key("oidc");
        for (key, value) in [("issuer", &raw.issuer), ("audience", &raw.audience)] {
            if value.as_deref().is_none_or(str::is_empty) {
                self.report.missing(&path, key, "`oidc` takes an `issuer` and an `audience`".to_owned());
            }
        }
        let roles = self.given(&path, &raw.roles, roles);
        let issuer = self.trusted_url(&path.key("issuer"), raw.issuer.as_deref());
        let jwks_url = match &raw.jwks_url {
            None => None,
            Some(text) => Some(self.trusted_url(&path.key("jwks_url"), Some(text))?),
        };
        let tls = self.client_tls(&raw.tls, &path.key("tls"));
        issuer?;
        Some(Oidc {
            // Compared as it is written: a slash at its end belongs to it.
            issuer: raw.issuer.clone()?,
            audience: raw.audience.clone()?,
            jwks_url,
            name_claim: raw.name_claim.clone(),
            role_claim: raw.role_claim.clone().unwrap_or_else(|| "groups".to_owned()),
            roles,
            tls,
        })
    }

    pub(super) fn kubernetes(&mut self, raw: &model::KubernetesLogin, roles: &[Role]) -> Option<KubernetesLogin> {
        let root = KeyPath::Root;
        let admin = root.key("admin");
        let path = admin.key("kubernetes");
        let roles = self.given(&path, &raw.roles, roles);
        let inside = || {
            let host = self.variable(&["KUBERNETES_SERVICE_HOST"])?;
            let port = self.variable(&["KUBERNETES_SERVICE_PORT"]).unwrap_or_else(|| "443".to_owned());
            Some(if host.contains(':') { format!("https://[{host}]:{port}") } else { format!("https://{host}:{port}") })
        };
        let Some(api_server) = raw.api_server.clone().or_else(inside) else {
            let hint = "outside a cluster, write it like `https://kubernetes.example:6443`".to_owned();
            self.report.missing(&path, "api_server", hint);
            return None;
        };
        let api_server = self.trusted_url(&path.key("api_server"), Some(&api_server))?;
        let mut tls = self.client_tls(&raw.tls, &path.key("tls"));
        if tls.ca_pem.is_none() && raw.tls.ca.is_none() {
            tls = ClientTls { ca_pem: self.files.read(&Path::new(ACCOUNT).join("ca.crt")).ok(), ..tls };
        }
        let token_file = match &raw.token_file {
            Some(name) => self.beside(&path.key("token_file"), name),
            None => PathBuf::from(ACCOUNT).join("token"),
        };
        Some(KubernetesLogin { api_server, audience: raw.audience.clone(), token_file, roles, tls })
    }

    /// Who gets which role.
    fn given(&mut self, path: &KeyPath<'_>, raw: &BTreeMap<String, String>, roles: &[Role]) -> BTreeMap<String, Role> {
        if raw.is_empty() {
            let hint = "say who gets which role, as in `roles: {platform-team: admin}`; nobody else is let in".to_owned();
            self.report.missing(path, "roles", hint);
        }
        let map = path.key("roles");
        raw.iter().map(|(who, name)| (who.clone(), self.role(Some(name), roles, &map.key(who)))).collect()
    }

    /// The URL of a server that is believed: nobody on the way may answer in its stead.
    fn trusted_url(&mut self, path: &KeyPath<'_>, text: Option<&str>) -> Option<String> {
        match url::base_url(text?) {
            Ok(url) if url.starts_with("https://") || url::is_loopback(&url) => Some(url),
            Ok(_) => {
                self.report.error(path, "whom to believe is asked over `https://` only", None);
                None
            }
            Err((message, hint)) => {
                self.report.error(path, message, hint);
                None
            }
        }
    }
}
