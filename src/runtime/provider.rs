//! A provider made ready to send: its origin, its headers, its times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::credential::Credential;
use super::live::Live;
use crate::config::{self, Breaker, Limit, ProviderAuth, Retry, Timeouts};
use crate::dialect::Quirks;
use crate::upstream::{Origin, Origins, Reach};
use crate::vendor::catalogue::Auth;
use crate::vendor::{Endpoint, Place, Vendor, path, vendor};

/// An upstream that requests can be sent to.
pub struct Provider {
    pub name: String,
    /// Its name as a header tells it, where one can.
    pub name_header: Option<HeaderValue>,
    pub vendor: &'static Vendor,
    pub origin: Arc<Origin>,
    /// The `Host` header.
    pub host: HeaderValue,
    /// At least one.
    pub credentials: Vec<Credential>,
    /// Sent with every request: the vendor's fixed headers and the provider's own.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub quirks: Arc<Quirks>,
    pub timeout: Timeouts,
    pub retry: Retry,
    pub breaker: Breaker,
    /// The longest time a stream may bring bytes but nothing of the answer.
    pub content_idle: Duration,
    base_path: String,
    source: config::Provider,
}

impl Provider {
    /// The error says what is wrong, without the key.
    pub(super) fn new(source: &config::Provider, origins: &Origins, reach: Reach, live: &Live) -> Result<Self, String> {
        let vendor = vendor(&source.vendor).ok_or_else(|| format!("unknown vendor `{}`", source.vendor))?;
        let url: Uri = source.base_url.parse().map_err(|_| format!("base_url `{}` is not a URL", source.base_url))?;
        let secure = url.scheme_str() == Some("https");
        let host = url.host().ok_or("base_url has no host")?.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let origin = origins.get(secure, host, port, &source.tls, reach)?;
        let authority = url.authority().map_or(host, |a| a.as_str());
        let mut quota_project = None;
        let header = source.auth_header.clone().map_or_else(|| vendor.auth.clone(), Auth::Header);
        let credentials = match &source.auth {
            ProviderAuth::Keys(keys) => keys
                .iter()
                .map(|key| Credential::key(&header, key.expose()).ok_or("a key has characters that no header can hold"))
                .collect::<Result<Vec<_>, _>>()?,
            ProviderAuth::Cloud(identity) => {
                let (credential, project) = Credential::cloud(identity, &source.tls, &source.name, live)?;
                quota_project = project;
                vec![credential]
            }
            ProviderAuth::Forward => vec![Credential::forward(&header)],
            ProviderAuth::None => vec![Credential::none()],
        };
        let mut headers = Vec::new();
        let mut add = |name: &str, value: &str| -> Result<(), String> {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
            let value = HeaderValue::from_str(value).map_err(|_| format!("the value of the header `{name}` cannot be sent"))?;
            headers.push((name, value));
            Ok(())
        };
        if let Some(organization) = &source.organization {
            add("openai-organization", organization)?;
        }
        if let Some(project) = source.project.as_ref().filter(|_| vendor.is_openai()) {
            add("openai-project", project)?;
        }
        if let Some(project) = &quota_project {
            add("x-goog-user-project", project)?;
        }
        for (name, value) in &source.headers {
            add(name, value)?;
        }
        let quirks = match &source.quirks {
            None => vendor.quirks.clone(),
            Some(own) => vendor.quirks.overlay(own)?,
        };
        Ok(Self {
            name: source.name.clone(),
            name_header: HeaderValue::from_str(&source.name).ok(),
            vendor,
            origin,
            host: HeaderValue::from_str(authority).map_err(|_| "base_url's host cannot be sent")?,
            credentials,
            headers,
            quirks: Arc::new(quirks),
            timeout: source.timeout,
            retry: source.retry,
            breaker: source.breaker,
            content_idle: source.timeout.idle * 2,
            base_path: url.path().trim_end_matches('/').to_owned(),
            source: source.clone(),
        })
    }

    pub fn base_url(&self) -> &str {
        &self.source.base_url
    }

    /// The configured models, if the file names them.
    pub fn models(&self) -> Option<&[String]> {
        self.source.models.as_deref()
    }

    /// Path and query of an endpoint.
    pub fn path(&self, endpoint: Endpoint<'_>, model: &str, query: Option<&str>) -> String {
        let place = match (&self.source.api_version, &self.source.project, &self.source.location) {
            (Some(version), ..) => Place::Azure(version, &self.source.deployments),
            (None, Some(project), Some(location)) => Place::Google(project, location),
            _ => Place::None,
        };
        path(self.vendor.layout, &self.base_path, endpoint, place, model, query)
    }

    /// The model's name in a request's body: at Azure's `/openai/v1` the deployment's.
    pub fn body_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.source.deployments.get(model).map_or(model, String::as_str)
    }

    /// The limits of all models together, and of single ones.
    pub fn limits(&self) -> (&Limit, &BTreeMap<String, Limit>) {
        (&self.source.limit, &self.source.model_limits)
    }

    /// What makes two generations of a provider the same upstream, apart from its credentials.
    pub fn identity(&self) -> String {
        format!("{}\n{}", self.name, self.source.base_url)
    }

    /// Whether two generations of a provider are the same upstream with the same credentials.
    pub fn same_upstream(&self, other: &Self) -> bool {
        let ids = |provider: &Self| provider.credentials.iter().map(|credential| credential.id.clone()).collect::<Vec<_>>();
        Arc::ptr_eq(&self.origin, &other.origin) && self.base_path == other.base_path && ids(self) == ids(other)
    }
}
