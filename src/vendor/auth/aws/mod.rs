//! AWS: keys that sign requests, and the places where an identity's keys are found.

mod answer;
mod sign;
mod sts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderName, HeaderValue, Method};

use super::{Ask, AuthError, Built, Grant, Granted, Source, Step, Then, id_of};
use crate::base::secret::Secret;
use crate::config::{AwsAuth, AwsIdentity, AwsRole};
pub use sign::{AwsKeys, Signer};

/// The service that requests are signed for.
const SERVICE: &str = "bedrock";
const METADATA_TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const METADATA_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");

pub(super) fn source(auth: &AwsAuth) -> Built {
    // Debug hides what is secret, so that secrets are added.
    let mut parts = vec![auth.region.clone(), format!("{:?}", auth.identity)];
    parts.extend(auth.identity.secrets().into_iter().map(str::to_owned));
    let id = id_of(&parts.iter().map(String::as_str).collect::<Vec<_>>());
    let signed = Signed { keys: keys(&auth.identity, &auth.region), region: auth.region.clone() };
    Built { source: Box::new(signed), id, quota_project: None }
}

/// Where an identity's keys come from. What they sign for stands in them only at the end.
fn keys(identity: &AwsIdentity, region: &str) -> Arc<dyn Source> {
    match identity {
        AwsIdentity::Keys { id, secret, session } => {
            Arc::new(Fixed(AwsKeys { id: id.clone(), secret: secret.clone(), session: session.clone() }))
        }
        AwsIdentity::Process(command) => Arc::new(Process(command.clone())),
        AwsIdentity::Container { url, token, token_file } => {
            Arc::new(Container { url: url.clone(), token: token.clone(), token_file: token_file.clone() })
        }
        AwsIdentity::WebIdentity { token_file, role } => Arc::new(WebIdentity { token_file: token_file.clone(), role: role.clone() }),
        AwsIdentity::Role { by, role } => sts::assumed(keys(by, region), role.clone(), region.to_owned()),
        AwsIdentity::Metadata { endpoint } => Arc::new(Metadata { endpoint: endpoint.clone() }),
    }
}

/// Keys with what they sign for.
struct Signed {
    keys: Arc<dyn Source>,
    region: String,
}

impl Source for Signed {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        Ok(match self.keys.step(got, now)? {
            Step::Done(Granted { grant: Grant::Keys(keys), lasts }) => {
                let signer = Signer { keys, region: self.region.clone(), service: SERVICE };
                Step::Done(Granted { grant: Grant::Signer(Box::new(signer)), lasts })
            }
            step => step,
        })
    }
}

struct Fixed(AwsKeys);

impl Source for Fixed {
    fn step(&self, _: &[Vec<u8>], _: SystemTime) -> Result<Step, AuthError> {
        Ok(Step::Done(Granted { grant: Grant::Keys(self.0.clone()), lasts: None }))
    }
}

/// A program that prints keys.
struct Process(String);

impl Source for Process {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => Ok(Step::Run(self.0.clone())),
            [printed, ..] => Ok(Step::Done(answer::keys(printed, now)?)),
        }
    }
}

/// The endpoint that ECS and EKS put beside a container.
struct Container {
    url: String,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
}

impl Container {
    fn ask(&self, token: Option<&str>) -> Result<Step, AuthError> {
        let ask = Ask::get(self.url.as_str());
        Ok(Step::Ask(match token {
            Some(token) => ask.with(http::header::AUTHORIZATION, token.trim())?,
            None => ask,
        }))
    }
}

impl Source for Container {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match (got, &self.token_file) {
            ([], Some(file)) => Ok(Step::Read(file.clone())),
            ([], None) => self.ask(self.token.as_ref().map(Secret::expose)),
            ([token], Some(_)) => self.ask(Some(text(token)?)),
            ([answer, ..], None) | ([_, answer, ..], Some(_)) => Ok(Step::Done(answer::keys(answer, now)?)),
        }
    }
}

/// A role taken by the token of another identity provider, as EKS puts one beside a pod.
struct WebIdentity {
    token_file: PathBuf,
    role: AwsRole,
}

impl Source for WebIdentity {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        match got {
            [] => Ok(Step::Read(self.token_file.clone())),
            [token] => Ok(Step::Ask(sts::with_web_identity(&self.role, text(token)?.trim()))),
            [_, answer, ..] => Ok(Step::Done(answer::sts_keys(answer, now)?)),
        }
    }
}

/// The metadata service of an instance, in its second version.
struct Metadata {
    endpoint: String,
}

impl Source for Metadata {
    fn step(&self, got: &[Vec<u8>], now: SystemTime) -> Result<Step, AuthError> {
        let role = |role: &str| format!("{}/latest/meta-data/iam/security-credentials/{role}", self.endpoint);
        match got {
            [] => {
                let mut ask = Ask::get(format!("{}/latest/api/token", self.endpoint));
                ask.method = Method::PUT;
                ask.headers.push((METADATA_TTL, HeaderValue::from_static("21600")));
                Ok(Step::Ask(ask))
            }
            [token] => Ok(Step::Ask(Ask::get(role("")).with(METADATA_TOKEN, text(token)?.trim())?)),
            [token, roles] => {
                let name = text(roles)?.lines().next().map(str::trim).filter(|name| !name.is_empty());
                let name = name.ok_or_else(|| AuthError::new("the instance has no role"))?;
                Ok(Step::Ask(Ask::get(role(name)).with(METADATA_TOKEN, text(token)?.trim())?))
            }
            [_, _, answer, ..] => Ok(Step::Done(answer::keys(answer, now)?)),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, AuthError> {
    std::str::from_utf8(bytes).map_err(|_| AuthError::new("an answer on the way to the keys is not text"))
}

#[cfg(test)]
mod tests;
