//! Workload identity federation: a token of another identity provider, in a file or at a URL, is exchanged for Google's
//! (RFC 8693), and that may then be exchanged for a service account's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::{SCOPE, impersonated};
use crate::base::secret::Secret;
use crate::vendor::auth::answer::oauth_token;
use crate::vendor::auth::{Ask, AuthError, Source, Step};

#[derive(Deserialize)]
pub(super) struct File {
    audience: String,
    subject_token_type: String,
    token_url: String,
    credential_source: CredentialSource,
    service_account_impersonation_url: Option<String>,
}

/// Where the other provider's token is.
#[derive(Deserialize)]
struct CredentialSource {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<Format>,
}

/// How it is written there: alone, or in a field of a JSON object.
#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    subject_token_field_name: Option<String>,
}

pub(super) fn source(file: File) -> Result<Arc<dyn Source>, String> {
    if file.credential_source.file.is_none() && file.credential_source.url.is_none() {
        return Err("the `credential_source` of the Google credentials file has neither `file` nor `url`".to_owned());
    }
    let impersonation = file.service_account_impersonation_url.clone();
    let first: Arc<dyn Source> = Arc::new(file);
    Ok(match impersonation {
        Some(url) => impersonated(first, url, Vec::new()),
        None => first,
    })
}

impl File {
    fn find_subject(&self) -> Result<Step, AuthError> {
        let source = &self.credential_source;
        if let Some(file) = &source.file {
            return Ok(Step::Read(file.clone()));
        }
        let mut ask = Ask::get(source.url.as_deref().unwrap_or_default());
        for (name, value) in &source.headers {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| AuthError::new("a header of the `credential_source` is none"))?;
            ask = ask.with(name, value)?;
        }
        Ok(Step::Ask(ask))
    }

    fn subject(&self, found: &[u8]) -> Result<Secret, AuthError> {
        let text = std::str::from_utf8(found).map_err(|_| AuthError::new("the subject token is not text"))?;
        let token = match &self.credential_source.format {
            Some(Format { kind, subject_token_field_name: Some(field) }) if kind == "json" => {
                let object: Value = serde_json::from_str(text).map_err(|_| AuthError::new("the subject token's source is not JSON"))?;
                object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            _ => text.trim().to_owned(),
        };
        if token.is_empty() { Err(AuthError::new("the subject token is empty")) } else { Ok(Secret::new(token)) }
    }
}

impl Source for File {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => self.find_subject(),
            [found] => Ok(Step::Ask(Ask::form(
                &self.token_url,
                &[
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("audience", &self.audience),
                    ("scope", SCOPE),
                    ("subject_token_type", &self.subject_token_type),
                    ("subject_token", self.subject(found)?.expose()),
                ],
            ))),
            [_, answer, ..] => Ok(Step::Done(oauth_token(answer, now)?)),
        }
    }
}
