//! Who may call: clients of the data listener.

use std::collections::HashMap;

use globset::Glob;

use super::Check;
use crate::config::model;
use crate::config::node::{KeyPath, Value};
use crate::config::types::Client;

/// In characters. Shorter ones can be guessed.
const SHORTEST: usize = 8;

impl Check<'_> {
    pub(super) fn clients(&mut self, raw: &[model::Client]) -> Vec<Client> {
        let root = KeyPath::Root;
        let list = root.key("clients");
        let mut seen = Distinct::default();
        let mut clients = Vec::with_capacity(raw.len());
        for (index, client) in raw.iter().enumerate() {
            let path = list.item(index);
            if !self.report.has(&path.key("key_sha256")) || client.key.is_some() {
                self.caller(&path, client.name.as_deref(), ("key", client.key.as_deref()), &mut seen);
            } else {
                self.called(&path, client.name.as_deref(), &mut seen);
            }
            let mut digests: Vec<[u8; 32]> = client.key.iter().map(|key| sha256(key.as_bytes())).collect();
            for (index, text) in client.key_sha256.iter().flatten().enumerate() {
                match hexadecimal(text) {
                    Some(digest) => digests.push(digest),
                    None => {
                        let hint = "64 hexadecimal digits, as `printf %s KEY | sha256sum` prints them".to_owned();
                        self.report.error(&path.key("key_sha256").item(index), "this is no SHA-256", hint);
                    }
                }
            }
            for (index, pattern) in client.models.iter().enumerate() {
                if let Err(error) = Glob::new(pattern) {
                    self.report.error(&path.key("models").item(index), format!("not a pattern: {}", error.kind()), None);
                }
            }
            clients.push(Client {
                name: client.name.clone().unwrap_or_default(),
                digests,
                models: client.models.clone(),
                limit: self.limit(&client.limit, &path.key("limit")),
                budget: client.budget.as_ref().map(|budget| self.budget(budget, &path.key("budget"))),
            });
        }
        clients
    }

    /// A name that no other one has.
    pub(super) fn called(&mut self, path: &KeyPath<'_>, name: Option<&str>, seen: &mut Distinct) {
        match name {
            None => self.report.missing(path, "name", None),
            Some(name) => {
                self.name(&path.key("name"), name);
                if let Some(first) = seen.names.insert(name.to_owned(), path.to_string()) {
                    self.report.error(&path.key("name"), format!("{first} has the name `{name}` already"), None);
                }
            }
        }
    }

    /// A name and a secret, neither of which another one has.
    pub(super) fn caller(&mut self, path: &KeyPath<'_>, name: Option<&str>, (key, secret): (&str, Option<&str>), seen: &mut Distinct) {
        self.called(path, name, seen);
        let at = path.key(key);
        match secret {
            None => self.report.missing(path, key, None),
            Some(secret) => {
                if secret.chars().count() < SHORTEST {
                    self.report.error(
                        &at,
                        format!("shorter than {SHORTEST} characters"),
                        "make one with `openssl rand -hex 24`".to_owned(),
                    );
                } else if secret.chars().any(|c| c.is_whitespace() || c.is_control()) {
                    self.report.error(&at, "holds blanks or control characters, which no header can carry unharmed", None);
                }
                if let Some(first) = seen.secrets.insert(secret.to_owned(), path.to_string()) {
                    self.report.error(&at, format!("the same as that of {first}"), None);
                }
                self.literal(&at);
            }
        }
    }

    /// Warns of a secret that is written in the file itself.
    pub(super) fn literal(&mut self, path: &KeyPath<'_>) {
        let literal = matches!(self.report.root.find(path).map(|node| &node.value), Some(Value::Scalar(scalar)) if !scalar.resolved);
        if literal {
            let hint = "keep it in the environment (`${NAME}`) or in a file of its own (`${file:/path}`)".to_owned();
            self.report.warning(path, "a secret is written in the configuration itself", hint);
        }
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

pub(super) fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let is_right = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (index, byte) in digest.iter_mut().enumerate().filter(|_| is_right) {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    is_right.then_some(digest)
}

/// Where each name and secret was seen first.
#[derive(Default)]
pub(super) struct Distinct {
    names: HashMap<String, String>,
    secrets: HashMap<String, String>,
}
