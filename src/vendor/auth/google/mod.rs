//! Google's OAuth 2 tokens: by the credentials files that Google's own libraries read, or from the metadata server.

mod external;
mod service_account;

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::answer::{oauth_token, until};
use super::{Ask, AuthError, Built, Grant, Granted, Source, Step, Then, id_of};
use crate::base::secret::Secret;
use crate::config::GoogleAuth;

/// What the tokens are for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A credentials file.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    ServiceAccount(service_account::File),
    AuthorizedUser(User),
    ExternalAccount(external::File),
    ImpersonatedServiceAccount(Impersonated),
}

/// What `gcloud auth application-default login` leaves: a user's own refresh token.
#[derive(Deserialize)]
struct User {
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    token_uri: Option<String>,
}

/// Another account's tokens, by way of one's own.
#[derive(Deserialize)]
struct Impersonated {
    service_account_impersonation_url: String,
    source_credentials: Box<File>,
    #[serde(default)]
    delegates: Vec<String>,
}

struct Metadata {
    host: String,
}

pub(super) fn source(auth: &GoogleAuth) -> Result<Built, String> {
    match auth {
        GoogleAuth::Metadata(host) => {
            Ok(Built { id: id_of(&["google metadata", host]), source: Box::new(Metadata { host: host.clone() }), quota_project: None })
        }
        GoogleAuth::File(text) => {
            #[derive(Deserialize)]
            struct Quota {
                quota_project_id: Option<String>,
            }
            let wrong = |error: serde_json::Error| {
                let kind = if error.is_data() { "lacks a field, or its `type` is not known" } else { "is not JSON" };
                format!("the Google credentials file {kind}")
            };
            let file: File = serde_json::from_str(text.expose()).map_err(wrong)?;
            let quota: Quota = serde_json::from_str(text.expose()).map_err(wrong)?;
            let source = Box::new(Shared(of_file(file)?));
            Ok(Built { id: id_of(&["google file", text.expose()]), source, quota_project: quota.quota_project_id })
        }
    }
}

/// A source that others may build on.
struct Shared(Arc<dyn Source>);

impl Source for Shared {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        self.0.step(got, now)
    }
}

fn of_file(file: File) -> Result<Arc<dyn Source>, String> {
    Ok(match file {
        File::ServiceAccount(file) => Arc::new(service_account::ServiceAccount::new(file)?),
        File::AuthorizedUser(user) => Arc::new(user),
        File::ExternalAccount(file) => external::source(file)?,
        File::ImpersonatedServiceAccount(file) => {
            impersonated(of_file(*file.source_credentials)?, file.service_account_impersonation_url, file.delegates)
        }
    })
}

impl Source for User {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => Ok(Step::Ask(Ask::form(
                self.token_uri.as_deref().unwrap_or(TOKEN_URI),
                &[
                    ("grant_type", "refresh_token"),
                    ("client_id", &self.client_id),
                    ("client_secret", self.client_secret.expose()),
                    ("refresh_token", self.refresh_token.expose()),
                ],
            ))),
            [answer, ..] => Ok(Step::Done(oauth_token(answer, now)?)),
        }
    }
}

impl Source for Metadata {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => {
                let url = format!("http://{}/computeMetadata/v1/instance/service-accounts/default/token?scopes={SCOPE}", self.host);
                let mut ask = Ask::get(url);
                ask.headers.push((HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google")));
                Ok(Step::Ask(ask))
            }
            [answer, ..] => Ok(Step::Done(oauth_token(answer, now)?)),
        }
    }
}

/// The tokens of another account, which `first` may act as.
fn impersonated(first: Arc<dyn Source>, url: String, delegates: Vec<String>) -> Arc<dyn Source> {
    let after = move |grant: &Grant, answer: Option<&[u8]>, now: SystemTime| match answer {
        None => {
            let ask = Ask::json(&url, &json!({"scope": [SCOPE], "delegates": delegates}));
            Ok(Step::Ask(ask.with(http::header::AUTHORIZATION, &format!("Bearer {}", grant.exposed()))?))
        }
        Some(answer) => Ok(Step::Done(impersonation(answer, now)?)),
    };
    Arc::new(Then { first, after })
}

fn impersonation(answer: &[u8], now: SystemTime) -> Result<Granted, AuthError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        access_token: String,
        expire_time: String,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| AuthError::new("the answer to the impersonation holds no token"))?;
    let lasts = until(&answer.expire_time, now).ok_or_else(|| AuthError::new("the token's end is not a time"))?;
    Granted::bearer(&answer.access_token, Some(lasts))
}

#[cfg(test)]
mod tests;
