//! Roles, taken at the Security Token Service.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::ACCEPT;
use http::{HeaderValue, Method};

use super::answer::sts_keys;
use super::sign::Signer;
use super::{Ask, AuthError, Grant, Source, Step, Then};
use crate::config::AwsRole;

const VERSION: &str = "2011-06-15";

/// Takes a role by the token of another identity provider.
pub(super) fn with_web_identity(role: &AwsRole, token: &str) -> Ask {
    ask(role, &[("Action", "AssumeRoleWithWebIdentity"), ("WebIdentityToken", token)])
}

/// Takes a role by other keys.
pub(super) fn assumed(by: Arc<dyn Source>, role: AwsRole, region: String) -> Arc<dyn Source> {
    let after = move |grant: &Grant, answer: Option<&[u8]>, now: SystemTime| match (answer, grant) {
        (Some(answer), _) => Ok(Step::Done(sts_keys(answer, now)?)),
        (None, Grant::Keys(keys)) => {
            let mut fields = vec![("Action", "AssumeRole")];
            fields.extend(role.external_id.as_deref().map(|id| ("ExternalId", id)));
            let mut ask = ask(&role, &fields);
            let signer = Signer { keys: keys.clone(), region: region.clone(), service: "sts" };
            let signed = signer.sign(&Method::POST, &ask.url, &ask.headers, ask.body.expose().as_bytes(), now)?;
            ask.headers.extend(signed);
            Ok(Step::Ask(ask))
        }
        (None, _) => Err(AuthError::new("a role can only be taken by keys")),
    };
    Arc::new(Then { first: by, after })
}

fn ask(role: &AwsRole, more: &[(&str, &str)]) -> Ask {
    let mut fields = vec![("Version", VERSION), ("RoleArn", role.arn.as_str()), ("RoleSessionName", role.session.as_str())];
    fields.extend(more);
    let mut ask = Ask::form(format!("{}/", role.sts.trim_end_matches('/')), &fields);
    ask.headers.push((ACCEPT, HeaderValue::from_static("application/xml")));
    ask
}
