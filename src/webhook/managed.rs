//! Keeps the webhook's certificate in a Secret that all replicas share, renews it in time, and tells the API server whom to trust
//! for it. No replica leads: whoever finds the certificate too old writes a new one, and who comes second finds the Secret changed
//! and takes what is in it.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::api::{Api, ApiError};
use super::certificate::{Certificate, renewal};
use crate::base::secret::Secret;

/// How often a Secret that others write at the same time is tried.
const ATTEMPTS: usize = 5;

/// Where the certificate is kept, and for whom.
pub(super) struct Managed {
    pub api: Api,
    pub namespace: String,
    pub secret: String,
    /// Whether the Secret may be made where there is none.
    pub creates: bool,
    /// The MutatingWebhookConfiguration that is told of the authorities.
    pub configuration: Option<String>,
    pub hosts: Vec<String>,
    pub days: u32,
}

/// What a turn has found or made.
pub(super) struct Turn {
    pub certificate: Certificate,
    /// Whether the API server was told of its authorities only just now, so that it may take a moment to trust them.
    pub newly_trusted: bool,
}

impl Managed {
    /// Looks whether all is as it should be, and makes it so.
    ///
    /// # Errors
    /// Says what the API server did not give or take.
    pub(super) async fn turn(&self, now: SystemTime) -> Result<Turn, String> {
        let certificate = self.certificate(now).await?;
        let newly_trusted = match &self.configuration {
            None => false,
            Some(name) => {
                self.trust(name, &certificate.authorities).await.map_err(|error| format!("webhook configuration {name}: {error}"))?
            }
        };
        Ok(Turn { certificate, newly_trusted })
    }

    async fn certificate(&self, now: SystemTime) -> Result<Certificate, String> {
        let all = format!("/api/v1/namespaces/{}/secrets", self.namespace);
        let one = format!("{all}/{}", self.secret);
        let failed = |error: ApiError| format!("secret {}/{}: {error}", self.namespace, self.secret);
        for _ in 0..ATTEMPTS {
            let found = match self.api.get(&one).await {
                Err(error) if self.creates && error.is(StatusCode::NOT_FOUND) => None,
                found => Some(found.map_err(failed)?),
            };
            let stored = found.as_ref().and_then(stored);
            if let Some(stored) = stored.as_ref().filter(|stored| stored.is_good(&self.hosts, now + renewal(self.days))) {
                return Ok(stored.clone());
            }
            let made = Certificate::make(&self.hosts, self.days, stored.as_ref(), now)?;
            let written = match found {
                Some(found) => self.api.write(Method::PUT, &one, &with(found, &made)).await,
                None => {
                    let metadata = json!({"name": self.secret, "namespace": self.namespace});
                    let new = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata});
                    self.api.write(Method::POST, &all, &with(new, &made)).await
                }
            };
            match written {
                Ok(_) => {
                    tracing::info!(secret = self.secret, "a new certificate is made");
                    return Ok(made);
                }
                // Another replica was faster.
                Err(error) if error.is(StatusCode::CONFLICT) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(format!("secret {}/{}: it is written by others all the time", self.namespace, self.secret))
    }

    /// Says whether anything had to be changed.
    async fn trust(&self, name: &str, authorities: &str) -> Result<bool, ApiError> {
        let path = format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}");
        let wanted = Value::from(STANDARD.encode(authorities));
        let configuration = self.api.get(&path).await?;
        let mut operations = Vec::new();
        for (index, webhook) in configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten().enumerate() {
            if webhook.pointer("/clientConfig/caBundle") != Some(&wanted) {
                // Fails if the entries have been changed since.
                operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": webhook.get("name")}));
                operations.push(json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": wanted}));
            }
        }
        if operations.is_empty() {
            return Ok(false);
        }
        self.api.patch(&path, &operations.into()).await?;
        tracing::info!(configuration = name, "the API server is told of the certificate's authority");
        Ok(true)
    }

    /// Whether the cluster runs native sidecars (1.29 and later).
    pub(super) async fn has_native_sidecars(&self) -> Result<bool, ApiError> {
        let version = self.api.get("/version").await?;
        let number = |key: &str| {
            let text = version.get(key).and_then(Value::as_str).unwrap_or_default();
            text.trim_end_matches(|c: char| !c.is_ascii_digit())
                .parse::<u32>()
                .map_err(|_| ApiError::Unreachable(format!("its version has no `{key}`")))
        };
        Ok((number("major")?, number("minor")?) >= (1, 29))
    }
}

fn stored(secret: &Value) -> Option<Certificate> {
    let text = |key: &str| {
        let data = secret.get("data")?.get(key)?.as_str()?;
        String::from_utf8(STANDARD.decode(data).ok()?).ok()
    };
    Some(Certificate { chain: text("tls.crt")?, key: Secret::new(text("tls.key")?), authorities: text("ca.crt")? })
}

/// The Secret with another content; its `resourceVersion` stays, by which the API server knows whether someone else was faster.
fn with(mut secret: Value, certificate: &Certificate) -> Value {
    let mut data = Map::new();
    for (key, text) in
        [("tls.crt", certificate.chain.as_str()), ("tls.key", certificate.key.expose()), ("ca.crt", &certificate.authorities)]
    {
        data.insert(key.to_owned(), STANDARD.encode(text).into());
    }
    if let Some(secret) = secret.as_object_mut() {
        secret.insert("data".to_owned(), data.into());
    }
    secret
}
