//! Reads keys as AWS's endpoints and programs give them.

use std::time::SystemTime;

use serde::Deserialize;

use super::sign::AwsKeys;
use crate::base::secret::Secret;
use crate::vendor::auth::answer::until;
use crate::vendor::auth::{AuthError, Grant, Granted};

/// As JSON: of the metadata service, of the endpoint beside a container, of a program.
pub(super) fn keys(answer: &[u8], now: SystemTime) -> Result<Granted, AuthError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        access_key_id: String,
        secret_access_key: Secret,
        #[serde(alias = "SessionToken")]
        token: Option<Secret>,
        expiration: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| none())?;
    granted(answer.access_key_id, answer.secret_access_key, answer.token, answer.expiration.as_deref(), now)
}

/// As XML: of the Security Token Service.
pub(super) fn sts_keys(answer: &[u8], now: SystemTime) -> Result<Granted, AuthError> {
    let text = std::str::from_utf8(answer).map_err(|_| none())?;
    let keys = element(text, "Credentials").ok_or_else(none)?;
    let field = |name| element(keys, name).map(str::trim).ok_or_else(none);
    let session = Secret::new(field("SessionToken")?);
    granted(field("AccessKeyId")?.to_owned(), Secret::new(field("SecretAccessKey")?), Some(session), Some(field("Expiration")?), now)
}

fn granted(id: String, secret: Secret, session: Option<Secret>, until_then: Option<&str>, now: SystemTime) -> Result<Granted, AuthError> {
    if id.is_empty() || secret.is_empty() {
        return Err(none());
    }
    let lasts = match until_then {
        Some(moment) => Some(until(moment, now).ok_or_else(|| AuthError::new("the keys' end is not a time"))?),
        None => None,
    };
    Ok(Granted { grant: Grant::Keys(AwsKeys { id, secret, session }), lasts })
}

/// The content of the first element of this name. Keys hold no character that XML escapes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(content, _)| content)
}

fn none() -> AuthError {
    AuthError::new("the answer holds no AWS keys")
}
