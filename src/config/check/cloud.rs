//! Who the sidecar is at a cloud, and where that is: what the file says, else what the cloud's own libraries would find in the
//! environment.

mod aws;
mod entra;
mod profile;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Check, VendorFacts};
use crate::base::secret::Secret;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{Cloud, CloudAuth, GoogleAuth, ProviderAuth};

/// Stands in a vendor's base URL for the location.
const LOCATION: &str = "{location}";
const GCLOUD_FILE: &str = ".config/gcloud/application_default_credentials.json";

/// What the file says of identities, and of where the provider is.
pub(super) struct Clouds<'a> {
    pub google: &'a model::Google,
    pub aws: &'a model::Aws,
    pub entra: &'a model::Entra,
    pub region: Option<&'a str>,
    pub base_url: &'a str,
}

/// A vendor's base URL at a location, where it has one for each.
pub(super) fn located(vendor: &VendorFacts, location: &str) -> Option<String> {
    let url = vendor.default_base_url.as_ref().filter(|url| url.contains(LOCATION))?;
    Some(vendor.locations.get(location).cloned().unwrap_or_else(|| url.replace(LOCATION, location)))
}

impl Check<'_> {
    pub(super) fn location(&mut self, given: Option<String>, vendor: Option<&VendorFacts>, path: &KeyPath<'_>) -> Option<String> {
        let is_located = vendor.is_some_and(|vendor| vendor.cloud == Some(Cloud::Google));
        if !is_located {
            return given;
        }
        let location =
            given.or_else(|| self.variable(&["GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"])).unwrap_or_else(|| "global".to_owned());
        if location.is_empty() || !location.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            self.report.error(&path.key("location"), "this is no location", "write it like `europe-west4` or `global`".to_owned());
        }
        Some(location)
    }

    /// The project; at Google Cloud there has to be one, unless a key stands for it.
    pub(super) fn project(
        &mut self,
        given: Option<String>,
        auth: &ProviderAuth,
        vendor: Option<&VendorFacts>,
        path: &KeyPath<'_>,
    ) -> Option<String> {
        #[derive(Deserialize)]
        struct File {
            project_id: Option<String>,
        }
        if vendor.is_none_or(|vendor| vendor.cloud != Some(Cloud::Google)) || matches!(auth, ProviderAuth::Keys(_)) {
            return given;
        }
        let of_file = || match auth {
            ProviderAuth::Cloud(CloudAuth::Google(GoogleAuth::File(text))) => serde_json::from_str::<File>(text.expose()).ok()?.project_id,
            _ => None,
        };
        let project =
            given.or_else(|| self.variable(&["GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID"])).or_else(of_file);
        match &project {
            None => self.report.missing(path, "project", "name it, or set GOOGLE_CLOUD_PROJECT in the environment".to_owned()),
            // Those of an organization's own domain have a colon.
            Some(project) if !project.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':')) => {
                self.report.error(&path.key("project"), "this is no project's id", None);
            }
            Some(_) => {}
        }
        project
    }

    /// The identity at a cloud.
    pub(super) fn cloud(&mut self, cloud: Cloud, clouds: &Clouds<'_>, path: &KeyPath<'_>) -> ProviderAuth {
        let found = match cloud {
            Cloud::Google => self.google(clouds.google, &path.key("google")).map(CloudAuth::Google),
            Cloud::Aws => self.aws(clouds.aws, clouds.region, clouds.base_url, path).map(CloudAuth::Aws),
            Cloud::Azure => self.entra(clouds.entra, path).map(CloudAuth::Entra),
        };
        // What is missing has been reported.
        found.map_or(ProviderAuth::None, ProviderAuth::Cloud)
    }

    /// Whether the file itself says who one is at this cloud, which counts for more than a key of the environment.
    pub(super) fn names_identity(&self, cloud: Cloud, clouds: &Clouds<'_>) -> bool {
        match cloud {
            Cloud::Google => clouds.google.credentials_file.is_some(),
            Cloud::Aws => clouds.aws.access_key_id.is_some() || clouds.aws.profile.is_some() || clouds.aws.role_arn.is_some(),
            Cloud::Azure => clouds.entra.client_id.is_some() || clouds.entra.client_secret.is_some(),
        }
    }

    /// Whether an identity may stand in where there is no key.
    pub(super) fn may_have_identity(&self, cloud: Cloud, path: &KeyPath<'_>) -> bool {
        match cloud {
            Cloud::Google | Cloud::Aws => true,
            Cloud::Azure => self.has_entra(path),
        }
    }

    fn google(&mut self, raw: &model::Google, path: &KeyPath<'_>) -> Option<GoogleAuth> {
        let at = path.key("credentials_file");
        if let Some(name) = &raw.credentials_file {
            let content = self.file(&at, name)?;
            return self.google_file(content, &at);
        }
        if let Some(name) = self.variable(&["GOOGLE_APPLICATION_CREDENTIALS"]) {
            return match self.files.read(Path::new(&name)) {
                Ok(content) => self.google_file(content, path),
                Err(error) => {
                    let message = format!("cannot read {name}, which GOOGLE_APPLICATION_CREDENTIALS names: {error}");
                    self.report.error(path, message, None);
                    None
                }
            };
        }
        let home = self.variable(&["HOME"]).map(|home| PathBuf::from(home).join(GCLOUD_FILE));
        if raw.metadata_host.is_none()
            && let Some(content) = home.and_then(|file| self.files.read(&file).ok())
        {
            return self.google_file(content, path);
        }
        let host = raw.metadata_host.clone().or_else(|| self.variable(&["GCE_METADATA_HOST"]));
        let host = host.unwrap_or_else(|| "metadata.google.internal".to_owned());
        if format!("http://{host}/").parse::<http::Uri>().is_ok_and(|uri| uri.authority().is_some_and(|authority| *authority == *host)) {
            return Some(GoogleAuth::Metadata(host));
        }
        self.report.error(&path.key("metadata_host"), "this is no host", "write it like `metadata.google.internal`".to_owned());
        None
    }

    fn google_file(&mut self, content: Vec<u8>, at: &KeyPath<'_>) -> Option<GoogleAuth> {
        const KINDS: [&str; 4] = ["service_account", "authorized_user", "external_account", "impersonated_service_account"];
        #[derive(Deserialize)]
        struct File {
            r#type: String,
        }
        let text = Secret::new(String::from_utf8(content).unwrap_or_default());
        match serde_json::from_str::<File>(text.expose()) {
            Ok(file) if KINDS.contains(&file.r#type.as_str()) => return Some(GoogleAuth::File(text)),
            Ok(_) => {
                self.report.error(at, "the credentials file is of a `type` that is not known", format!("known are {}", KINDS.join(", ")))
            }
            Err(_) => self.report.error(at, "the credentials file is not JSON with a `type`", None),
        }
        None
    }

    /// The first of these environment variables that says something.
    pub(super) fn variable(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.env)(name).filter(|value| !value.trim().is_empty()))
    }
}
