//! An identity at AWS, looked for where AWS's own libraries look, in their order.

use std::path::PathBuf;

use super::profile::Profiles;
use crate::base::secret::Secret;
use crate::config::check::{Check, url};
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{AwsAuth, AwsIdentity, AwsRole};

/// Where ECS answers.
const CONTAINERS: &str = "http://169.254.170.2";
/// Where ECS and EKS answer, beside loopback: nobody else could listen there.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const METADATA: &str = "http://169.254.169.254";
/// A profile may name another one, and that a third.
const MOST_PROFILES: usize = 5;

impl Check<'_> {
    /// `region` and `base_url` are the provider's.
    pub(in crate::config::check) fn aws(
        &mut self,
        raw: &model::Aws,
        region: Option<&str>,
        base_url: &str,
        path: &KeyPath<'_>,
    ) -> Option<AwsAuth> {
        let at = path.key("aws");
        let profiles = self.profiles();
        let name = raw.profile.clone().or_else(|| self.variable(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
        let profile = name.as_deref().unwrap_or("default");
        // Where the host names one, no other would do.
        let region = region_of(base_url)
            .or_else(|| region.map(str::to_owned))
            .or_else(|| self.variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
            .or_else(|| profiles.get(profile, "region").map(str::to_owned));
        let Some(region) = region else {
            // Where the address lacks the region too, that has been said.
            if !base_url.is_empty() {
                self.report.missing(path, "region", "write it like `region: us-east-1`, or set AWS_REGION in the environment".to_owned());
            }
            return None;
        };
        let sts = match &raw.sts_endpoint {
            Some(text) => url::base_url(text).map_err(|(message, hint)| self.report.error(&at.key("sts_endpoint"), message, hint)).ok()?,
            None => self.variable(&["AWS_ENDPOINT_URL_STS"]).unwrap_or_else(|| {
                let end = if region.starts_with("cn-") { ".cn" } else { "" };
                format!("https://sts.{region}.amazonaws.com{end}")
            }),
        };
        let role = |arn: String, session: Option<String>, external_id: Option<String>| AwsRole {
            arn,
            session: session.unwrap_or_else(|| "llm-sidecar".to_owned()),
            external_id,
            sts: sts.clone(),
        };
        let identity = self.aws_keys(raw, &at)?;
        let identity = match identity {
            Some(found) => found,
            None if raw.profile.is_some() => self.aws_profile(&profiles, profile, &role, 0, &at)?,
            None => self.aws_chain(&profiles, profile, name.is_some(), &role, &at)?,
        };
        let identity = match &raw.role_arn {
            Some(arn) => AwsIdentity::Role { by: Box::new(identity), role: role(arn.clone(), None, raw.external_id.clone()) },
            None => identity,
        };
        Some(AwsAuth { identity, region })
    }

    /// The keys in the file itself. The outer `None`: what is there is wrong.
    fn aws_keys(&mut self, raw: &model::Aws, path: &KeyPath<'_>) -> Option<Option<AwsIdentity>> {
        for key in ["secret_access_key", "session_token"] {
            if self.report.has(&path.key(key)) {
                self.literal(&path.key(key));
            }
        }
        match (&raw.access_key_id, &raw.secret_access_key) {
            (Some(id), Some(secret)) => {
                let session = raw.session_token.clone().map(Secret::new);
                Some(Some(AwsIdentity::Keys { id: id.clone(), secret: Secret::new(secret.as_str()), session }))
            }
            (None, None) if raw.session_token.is_none() => Some(None),
            (id, _) => {
                let missing = if id.is_none() { "access_key_id" } else { "secret_access_key" };
                self.report.missing(path, missing, "AWS keys are `access_key_id` and `secret_access_key`".to_owned());
                None
            }
        }
    }

    /// What the environment, the profile's files and the machine offer, the first that is there.
    fn aws_chain(
        &mut self,
        profiles: &Profiles,
        profile: &str,
        is_chosen: bool,
        role: &dyn Fn(String, Option<String>, Option<String>) -> AwsRole,
        path: &KeyPath<'_>,
    ) -> Option<AwsIdentity> {
        if let (Some(id), Some(secret)) = (self.variable(&["AWS_ACCESS_KEY_ID"]), self.variable(&["AWS_SECRET_ACCESS_KEY"])) {
            let session = self.variable(&["AWS_SESSION_TOKEN"]).map(Secret::new);
            return Some(AwsIdentity::Keys { id, secret: Secret::new(secret), session });
        }
        if is_chosen || profiles.has_identity(profile) {
            return self.aws_profile(profiles, profile, role, 0, path);
        }
        if let (Some(file), Some(arn)) = (self.variable(&["AWS_WEB_IDENTITY_TOKEN_FILE"]), self.variable(&["AWS_ROLE_ARN"])) {
            let role = role(arn, self.variable(&["AWS_ROLE_SESSION_NAME"]), None);
            return Some(AwsIdentity::WebIdentity { token_file: PathBuf::from(file), role });
        }
        match self.aws_container(path)? {
            Some(container) => Some(container),
            None => self.aws_metadata(path),
        }
    }

    /// The endpoint beside a container. The outer `None`: what is there is wrong.
    fn aws_container(&mut self, path: &KeyPath<'_>) -> Option<Option<AwsIdentity>> {
        let url = match self.variable(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]) {
            Some(place) => Some(format!("{CONTAINERS}{place}")),
            None => self.variable(&["AWS_CONTAINER_CREDENTIALS_FULL_URI"]),
        };
        let Some(url) = url else { return Some(None) };
        if !is_beside(&url) {
            let message = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine or of ECS and EKS";
            self.report.error(path, message, None);
            return None;
        }
        let token_file = self.variable(&["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).map(PathBuf::from);
        let token = self.variable(&["AWS_CONTAINER_AUTHORIZATION_TOKEN"]).map(Secret::new);
        Some(Some(AwsIdentity::Container { url, token, token_file }))
    }

    fn aws_metadata(&mut self, path: &KeyPath<'_>) -> Option<AwsIdentity> {
        if self.variable(&["AWS_EC2_METADATA_DISABLED"]).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            let hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, or give `api_key`".to_owned();
            self.report.error(
                path,
                "there are no AWS credentials, and AWS_EC2_METADATA_DISABLED keeps the instance from being asked",
                hint,
            );
            return None;
        }
        let endpoint = self.variable(&["AWS_EC2_METADATA_SERVICE_ENDPOINT"]).unwrap_or_else(|| METADATA.to_owned());
        Some(AwsIdentity::Metadata { endpoint: endpoint.trim_end_matches('/').to_owned() })
    }

    fn aws_profile(
        &mut self,
        profiles: &Profiles,
        name: &str,
        role: &dyn Fn(String, Option<String>, Option<String>) -> AwsRole,
        depth: usize,
        path: &KeyPath<'_>,
    ) -> Option<AwsIdentity> {
        let get = |key: &str| profiles.get(name, key).map(str::to_owned);
        let keys = get("aws_access_key_id").zip(get("aws_secret_access_key"));
        if let Some(arn) = get("role_arn").filter(|_| depth < MOST_PROFILES) {
            let role_of = role(arn, get("role_session_name"), get("external_id"));
            if let Some(file) = get("web_identity_token_file") {
                return Some(AwsIdentity::WebIdentity { token_file: PathBuf::from(file), role: role_of });
            }
            let by = match (get("source_profile"), get("credential_source").as_deref()) {
                (Some(source), _) if source != name => self.aws_profile(profiles, &source, role, depth + 1, path)?,
                (Some(_), _) => {
                    let (id, secret) = keys?;
                    AwsIdentity::Keys { id, secret: Secret::new(secret), session: get("aws_session_token").map(Secret::new) }
                }
                (None, Some("Ec2InstanceMetadata")) => self.aws_metadata(path)?,
                (None, Some("EcsContainer")) => self.aws_container(path)??,
                (None, Some("Environment")) => self.aws_chain(profiles, "", false, role, path)?,
                _ => {
                    self.report.error(path, format!("the AWS profile `{name}` has a `role_arn` but nothing to take it by"), None);
                    return None;
                }
            };
            return Some(AwsIdentity::Role { by: Box::new(by), role: role_of });
        }
        if let Some((id, secret)) = keys {
            return Some(AwsIdentity::Keys { id, secret: Secret::new(secret), session: get("aws_session_token").map(Secret::new) });
        }
        if let Some(command) = get("credential_process") {
            return Some(AwsIdentity::Process(command));
        }
        let hint = "for single sign-on add `credential_process = aws configure export-credentials --profile NAME`".to_owned();
        self.report.error(path, format!("the AWS profile `{name}` has no keys, `credential_process` or `role_arn`"), hint);
        None
    }

    /// The two files of profiles, as far as they are there.
    fn profiles(&mut self) -> Profiles {
        let home = self.variable(&["HOME"]).unwrap_or_default();
        let mut read = |variable: &str, usual: &str| {
            let file = self.variable(&[variable]).unwrap_or_else(|| format!("{home}/.aws/{usual}"));
            self.files.read(&PathBuf::from(file)).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
        };
        Profiles::read(&read("AWS_SHARED_CREDENTIALS_FILE", "credentials"), &read("AWS_CONFIG_FILE", "config"))
    }
}

/// The region in a host of AWS's: `bedrock-runtime.us-east-1.amazonaws.com`.
fn region_of(base_url: &str) -> Option<String> {
    let uri: http::Uri = base_url.parse().ok()?;
    let host = uri.host()?;
    let name = ["amazonaws.com", "amazonaws.com.cn", "api.aws"].iter().find_map(|end| host.strip_suffix(end)?.strip_suffix('.'))?;
    name.rsplit('.').find(|word| word.split('-').count() >= 3 && word.ends_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

fn is_beside(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    uri.scheme_str() == Some("https") || url::is_loopback(url) || CONTAINER_HOSTS.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_in_a_host() {
        for (url, region) in [
            ("https://bedrock-runtime.us-east-1.amazonaws.com", Some("us-east-1")),
            ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("https://bedrock-runtime.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://vpce-0a1b2c3d4e5f6a7b8-x1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
            ("http://127.0.0.1:8080", None),
            ("https://us-east-1.example.com", None),
        ] {
            assert_eq!(region_of(url).as_deref(), region, "{url}");
        }
    }

    #[test]
    fn only_what_is_beside_the_container_may_get_its_token() {
        for url in
            ["https://a.example/x", "http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x", "http://169.254.170.23/v1/credentials"]
        {
            assert!(is_beside(url), "{url}");
        }
        for url in ["http://a.example/x", "http://169.254.169.254/x", "http://10.0.0.1/x", ""] {
            assert!(!is_beside(url), "{url}");
        }
    }
}
