//! A key of the transit engine of HashiCorp Vault or OpenBao. The record goes along as associated data, so that the server refuses,
//! too, what was wrapped for another one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::service::{ask, post, secret_header, text_in, wait};
use crate::config::{Transit, TransitLogin};
use crate::seal::{DataKey, KeyEncryptionKey, SealError, key_id};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const JSON: &str = "application/json";

/// A key of a transit engine.
pub(super) struct TransitKey {
    id: String,
    settings: Transit,
}

impl TransitKey {
    pub(super) fn new(settings: &Transit) -> Self {
        // Not the address: a server may move, and its keys with it.
        let namespace = settings.namespace.as_deref().unwrap_or_default();
        let id = key_id(&[b"transit", namespace.as_bytes(), settings.mount.as_bytes(), settings.key_name.as_bytes()]);
        Self { id, settings: settings.clone() }
    }

    /// `data` of the answer to `encrypt` or `decrypt`.
    fn call(&self, operation: &str, body: &Value) -> Result<Value, SealError> {
        let Transit { address, mount, key_name, tls, .. } = &self.settings;
        let url = format!("{address}/v1/{mount}/{operation}/{key_name}");
        let (status, mut answer) = wait(|| async {
            let mut question = post(url, JSON, body);
            question.headers.push(secret_header(TOKEN, &self.token().await?)?);
            self.add_namespace(&mut question.headers)?;
            ask(question, tls).await
        })?;
        if status.is_success() {
            return Ok(answer.get_mut("data").map(Value::take).unwrap_or_default());
        }
        let errors: Vec<&str> = answer.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        // What it cannot decrypt was changed or made for another record; anything else is about the server or the token.
        let is_foreign = ["cipher: message authentication failed", "invalid ciphertext"];
        if status == StatusCode::BAD_REQUEST
            && operation == "decrypt"
            && errors.iter().any(|error| is_foreign.iter().any(|word| error.contains(word)))
        {
            return Err(SealError::Refused);
        }
        Err(SealError::Service(format!(
            "{operation} with the key `{key_name}` was answered with {}: {}",
            status.as_u16(),
            shortened(&errors)
        )))
    }

    async fn token(&self) -> Result<Zeroizing<String>, SealError> {
        let read = |file: &std::path::Path| {
            let text = std::fs::read_to_string(file).map(Zeroizing::new);
            text.map_err(|error| SealError::Service(format!("the token in {} cannot be read: {error}", file.display())))
        };
        match &self.settings.login {
            TransitLogin::Token(token) => Ok(Zeroizing::new(token.expose().to_owned())),
            TransitLogin::TokenFile(file) => read(file),
            TransitLogin::Kubernetes { mount, role, token_file } => {
                let jwt = read(token_file)?;
                let url = format!("{}/v1/auth/{mount}/login", self.settings.address);
                let mut question = post(url, JSON, &json!({"role": role, "jwt": jwt.trim()}));
                self.add_namespace(&mut question.headers)?;
                let (status, answer) = ask(question, &self.settings.tls).await?;
                let token = answer.get("auth").and_then(|auth| text_in(auth, "client_token")).filter(|_| status.is_success());
                let refused = || SealError::Service(format!("the login with the role `{role}` was answered with {}", status.as_u16()));
                token.map(|token| Zeroizing::new(token.to_owned())).ok_or_else(refused)
            }
        }
    }

    fn add_namespace(&self, headers: &mut Vec<(HeaderName, HeaderValue)>) -> Result<(), SealError> {
        if let Some(namespace) = &self.settings.namespace {
            let value = HeaderValue::from_str(namespace);
            headers.push((NAMESPACE, value.map_err(|_| SealError::Service("the namespace cannot stand in a header".into()))?));
        }
        Ok(())
    }
}

impl KeyEncryptionKey for TransitKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap_key(&self, key: &DataKey, record: &str) -> Result<Vec<u8>, SealError> {
        let body = json!({"plaintext": STANDARD.encode(key.expose()), "associated_data": STANDARD.encode(record)});
        let data = self.call("encrypt", &body)?;
        let ciphertext = text_in(&data, "ciphertext").filter(|text| !text.is_empty());
        ciphertext.map(|text| text.as_bytes().to_vec()).ok_or_else(|| SealError::Service("its answer holds no ciphertext".into()))
    }

    fn unwrap_key(&self, wrapped: &[u8], record: &str) -> Result<DataKey, SealError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| SealError::Refused)?;
        let data = self.call("decrypt", &json!({"ciphertext": ciphertext, "associated_data": STANDARD.encode(record)}))?;
        let bytes = Zeroizing::new(text_in(&data, "plaintext").and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default());
        DataKey::from_bytes(&bytes).ok_or_else(|| SealError::Service("its answer holds no key".into()))
    }
}

fn shortened(errors: &[&str]) -> String {
    errors.join("; ").chars().filter(|c| !c.is_control()).take(200).collect()
}
