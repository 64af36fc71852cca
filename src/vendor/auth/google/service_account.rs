//! A service account's key: tokens in exchange for a signed statement (RFC 7523).

use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;

use super::{SCOPE, TOKEN_URI};
use crate::base::secret::Secret;
use crate::vendor::auth::answer::oauth_token;
use crate::vendor::auth::{Ask, AuthError, Source, Step};

/// How long a statement is valid, in seconds. Google takes no longer ones.
const VALID: u64 = 3600;

#[derive(Deserialize)]
pub(super) struct File {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

pub(super) struct ServiceAccount {
    email: String,
    key: RsaKeyPair,
    key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    pub(super) fn new(file: File) -> Result<Self, String> {
        let wrong = "the `private_key` of the Google credentials file is not an RSA key in PEM form";
        let key = match PrivateKeyDer::from_pem_slice(file.private_key.expose().as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| wrong)?,
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| wrong)?,
            _ => return Err(wrong.to_owned()),
        };
        let token_uri = file.token_uri.unwrap_or_else(|| TOKEN_URI.to_owned());
        Ok(Self { email: file.client_email, key, key_id: file.private_key_id, token_uri })
    }

    fn statement(&self, now: SystemTime) -> Result<String, AuthError> {
        let issued = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let (Some(header), Some(id)) = (header.as_object_mut(), &self.key_id) {
            header.insert("kid".to_owned(), id.clone().into());
        }
        let claims = json!({"iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": issued, "exp": issued.saturating_add(VALID)});
        let coded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let said = format!("{}.{}", coded(&header), coded(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature)
            .map_err(|_| AuthError::new("the request for a token could not be signed"))?;
        Ok(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl Source for ServiceAccount {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => {
                let statement = Secret::new(self.statement(now)?);
                let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", statement.expose())];
                Ok(Step::Ask(Ask::form(&self.token_uri, &fields)))
            }
            [answer, ..] => Ok(Step::Done(oauth_token(answer, now)?)),
        }
    }
}
