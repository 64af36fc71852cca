//! Who may call: client keys, kept and compared only as digests.

use std::collections::HashMap;
use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use tokio::time::Instant;

use super::live::Live;
use super::settings;
use crate::config::Client;
use crate::limit::Limiter;

/// A caller of the data listener.
pub struct ClientEntry {
    pub name: String,
    models: Option<GlobSet>,
    /// What it may use at once and over time.
    pub limiter: Option<Arc<Limiter>>,
}

impl ClientEntry {
    /// Whether the caller may use the model it names.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.is_match(model))
    }
}

/// The callers by the SHA-256 of their key. Looking a digest up tells nothing of how much of a guessed key is right.
pub(super) struct Clients {
    by_digest: HashMap<[u8; 32], Arc<ClientEntry>>,
    /// One whose keys have all been revoked is there, too: its presence keeps the sidecar closed.
    all: Vec<Arc<ClientEntry>>,
}

impl Clients {
    pub(super) fn new(clients: &[Client], live: &Live) -> Result<Self, String> {
        let (mut by_digest, mut all) = (HashMap::with_capacity(clients.len()), Vec::with_capacity(clients.len()));
        for client in clients {
            let models = match client.models.as_slice() {
                [] => None,
                patterns => Some(glob_set(patterns).map_err(|e| format!("clients.{}.models: {e}", client.name))?),
            };
            let limiter = live.limiter(format!("client\n{}", client.name), &client.limit);
            let entry = Arc::new(ClientEntry { name: client.name.clone(), models, limiter });
            by_digest.extend(client.digests.iter().map(|digest| (*digest, Arc::clone(&entry))));
            all.push(entry);
        }
        Ok(Self { by_digest, all })
    }

    /// Takes over the settings of `clients`; the limits keep their state.
    pub(super) fn reconfigure(&self, clients: &[Client], now: Instant) {
        for client in clients {
            let limiter = self.all.iter().find(|entry| entry.name == client.name).and_then(|entry| entry.limiter.as_ref());
            if let (Some(limiter), Some(settings)) = (limiter, settings::limiter(&client.limit)) {
                limiter.reconfigure(now, &settings);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<ClientEntry>> {
        self.all.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn find(&self, key: &str) -> Option<&Arc<ClientEntry>> {
        self.by_digest.get(&sha256(key.as_bytes()))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

fn glob_set(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(false).build()?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_share_a_prefix_are_told_apart_and_models_are_globs() {
        let client = |name: &str, key: &str, models: &[&str]| Client {
            name: name.into(),
            digests: vec![sha256(key.as_bytes())],
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            limit: crate::config::Limit::default(),
            budget: None,
        };
        let clients = Clients::new(
            &[client("a", "sk-0123456789012345678901-a", &["fast", "claude/*"]), client("b", "sk-0123456789012345678901-b", &[])],
            &Live::new(&std::sync::Arc::default()),
        )
        .unwrap();
        assert_eq!(clients.find("sk-0123456789012345678901-b").unwrap().name, "b");
        assert!(clients.find("sk-0123456789012345678901").is_none());
        let a = clients.find("sk-0123456789012345678901-a").unwrap();
        assert!(a.may_use("fast") && a.may_use("claude/claude-haiku-4-5") && !a.may_use("slow"));
    }
}
