//! The keys of an OpenID Connect provider, fetched and kept.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Refused;
use super::jwt::{self, Verdict};
use crate::base::secret::Secret;
use crate::config::Oidc;
use crate::upstream::Connections;
use crate::vendor::auth::Ask;

/// Fetched anew after so long, ...
const FRESH: Duration = Duration::from_secs(3600);
/// ... but for want of new ones used for so long.
const USABLE: Duration = Duration::from_secs(24 * 3600);
/// Not fetched more often than this, whatever keys tokens name.
const PAUSE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(5);

/// One provider's keys.
#[derive(Default)]
pub(super) struct KeySets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The provider, and where its keys are.
    of: Option<(String, Option<String>)>,
    keys: Option<(Arc<JwkSet>, Instant)>,
    tried: Option<Instant>,
}

impl KeySets {
    /// `now` in seconds of Unix time.
    pub(super) async fn verify(&self, oidc: &Oidc, token: &str, now: u64) -> Result<Verdict, Refused> {
        let keys = self.get(oidc, FRESH).await?;
        match jwt::verify(oidc, &keys, token, now) {
            // The provider may have begun to use a new key.
            Verdict::UnknownKey => Ok(jwt::verify(oidc, &*self.get(oidc, PAUSE).await?, token, now)),
            verdict => Ok(verdict),
        }
    }

    /// The keys, not older than `fresh` if that can be had.
    async fn get(&self, oidc: &Oidc, fresh: Duration) -> Result<Arc<JwkSet>, Refused> {
        // Held while they are fetched: whoever else comes waits for the same.
        let mut kept = self.0.lock().await;
        let of = Some((oidc.issuer.clone(), oidc.jwks_url.clone()));
        if kept.of != of {
            *kept = Kept { of, ..Kept::default() };
        }
        let now = Instant::now();
        let may_fetch = kept.tried.is_none_or(|tried| now.duration_since(tried) >= PAUSE);
        let is_fresh = kept.keys.as_ref().is_some_and(|(_, at)| now.duration_since(*at) < fresh);
        if !is_fresh && may_fetch {
            kept.tried = Some(now);
            match timeout(LIMIT, fetch(oidc)).await.unwrap_or(Err("no answer in time")) {
                Ok(keys) => kept.keys = Some((Arc::new(keys), now)),
                Err(reason) => tracing::warn!(reason, issuer = oidc.issuer, "the keys of the OpenID Connect provider cannot be fetched"),
            }
        }
        let usable = kept.keys.as_ref().filter(|(_, at)| now.duration_since(*at) < USABLE);
        usable.map(|(keys, _)| Arc::clone(keys)).ok_or(Refused::Unavailable)
    }
}

#[derive(Deserialize)]
struct Provider {
    issuer: String,
    jwks_uri: String,
}

async fn fetch(oidc: &Oidc) -> Result<JwkSet, &'static str> {
    let connections = Connections::new(&oidc.tls);
    let url = match &oidc.jwks_url {
        Some(url) => url.clone(),
        None => {
            let url = format!("{}/.well-known/openid-configuration", oidc.issuer.trim_end_matches('/'));
            let provider: Provider = get(&connections, url).await?;
            if provider.issuer != oidc.issuer {
                return Err("the provider calls itself otherwise than `admin.oidc.issuer`");
            }
            provider.jwks_uri
        }
    };
    get(&connections, url).await
}

async fn get<T: DeserializeOwned>(connections: &Connections<'_>, url: String) -> Result<T, &'static str> {
    let ask = Ask { method: Method::GET, url, headers: Vec::new(), body: Secret::new("") };
    match connections.ask(ask).await {
        Ok((status, body)) if status.is_success() => serde_json::from_slice(&body).map_err(|_| "an answer is not what it should be"),
        Ok(_) => Err("an answer has another status than 200"),
        Err(_) => Err("no answer"),
    }
}
