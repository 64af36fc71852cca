//! Providers: vendor, address, credential and how to treat them.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::cloud::{Clouds, located};
use super::{Check, VendorFacts};
use crate::base::secret::Secret;
use crate::config::duration::Time;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::suggest::{nearest, one_of};
use crate::config::types::{Cloud, Limit, Provider, ProviderAuth, Retry, Timeouts};

const MOST_ATTEMPTS: u32 = 10;
/// Set by the connection itself, or by the provider's other keys.
const RESERVED_HEADERS: [&str; 8] =
    ["host", "content-length", "content-type", "connection", "transfer-encoding", "upgrade", "te", "trailer"];

/// The vendor's keys, as the file has them.
struct Keys {
    one: Option<String>,
    many: Vec<String>,
}

impl<'v> Check<'v> {
    pub(super) fn providers(&mut self, raw: BTreeMap<String, model::Provider>) -> BTreeMap<String, Provider> {
        let root = KeyPath::Root;
        let list = root.key("providers");
        let elsewhere = self.report.has(&root.key("store"));
        if raw.is_empty() && !elsewhere && self.report.root.find(&list).is_none_or(|node| node.is_null() || node.size() == 1) {
            let hint = "for example `providers: {openai: {type: openai}}` with OPENAI_API_KEY in the environment".to_owned();
            self.report.error(&list, "there are no providers", hint);
        }
        raw.into_iter()
            .map(|(name, provider)| {
                let checked = self.provider(&name, provider, &list.key(&name));
                (name, checked)
            })
            .collect()
    }

    fn provider(&mut self, name: &str, raw: model::Provider, path: &KeyPath<'_>) -> Provider {
        self.name(path, name);
        let vendor = self.vendor(raw.vendor.as_deref(), path).map(|vendor| self.api(raw.api.as_deref(), vendor, path));
        for key in vendor.iter().flat_map(|vendor| &vendor.required).filter(|key| *key != "base_url" && *key != "api_key") {
            self.report.missing(path, key, format!("`type: {}` needs it", vendor.map_or("", |vendor| &vendor.id)));
        }
        for (key, value) in [("organization", &raw.organization), ("project", &raw.project)] {
            if value.as_deref().is_some_and(|value| HeaderValue::from_str(value).is_err()) {
                self.report.error(&path.key(key), "holds characters that no header can carry", None);
            }
        }
        if raw
            .api_version
            .as_deref()
            .is_some_and(|version| !version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')))
        {
            self.report.error(&path.key("api_version"), "this is not a version", "write it like `2024-10-21`".to_owned());
        }
        if raw.models.as_ref().is_some_and(Vec::is_empty) && self.report.root.find(&path.key("models")).is_some_and(|node| node.size() == 1)
        {
            self.report.error(
                &path.key("models"),
                "the list of models is empty",
                "leave the key out to learn them from the vendor".to_owned(),
            );
        }
        let region = self.region(raw.region, vendor);
        let location = self.location(raw.location, vendor, path);
        let given = raw.base_url.or_else(|| located(vendor?, location.as_deref()?));
        let base_url = self.base_url(given.as_deref(), region.as_deref(), vendor, path);
        let keys = Keys { one: raw.api_key, many: raw.api_keys };
        let clouds = Clouds { google: &raw.google, aws: &raw.aws, entra: &raw.entra, region: region.as_deref(), base_url: &base_url };
        let auth = self.auth(raw.auth, keys, &clouds, vendor, path);
        Provider {
            name: name.to_owned(),
            vendor: vendor.map(|vendor| vendor.id.clone()).unwrap_or_default(),
            base_url,
            region,
            project: self.project(raw.project, &auth, vendor, path),
            location,
            auth,
            auth_header: self.auth_header(raw.auth_header, path),
            organization: raw.organization,
            api_version: raw.api_version,
            deployments: raw.deployments,
            headers: self.headers(raw.headers, &path.key("headers")),
            models: raw.models,
            timeout: self.timeouts(&raw.timeout, &path.key("timeout")),
            retry: self.retry(&raw.retry, &path.key("retry")),
            limit: self.limit(&raw.limit, &path.key("limit")),
            model_limits: self.model_limits(&raw.model_limits, &path.key("model_limits")),
            breaker: self.breaker(&raw.breaker, &path.key("breaker")),
            tls: self.client_tls(&raw.tls, &path.key("tls")),
            quirks: self.quirks(raw.quirks, vendor, path),
        }
    }

    fn quirks(
        &mut self,
        raw: Option<serde_json::Map<String, serde_json::Value>>,
        vendor: Option<&VendorFacts>,
        path: &KeyPath<'_>,
    ) -> Option<serde_json::Value> {
        let own = serde_json::Value::Object(raw?);
        if let Some((id, check)) = vendor.and_then(|vendor| Some((&vendor.id, vendor.check_quirks?)))
            && let Err(message) = check(id, &own)
        {
            self.report.error(&path.key("quirks"), message, "docs/adding-a-vendor.md explains every word".to_owned());
        }
        Some(own)
    }

    fn vendor(&mut self, name: Option<&str>, path: &KeyPath<'_>) -> Option<&'v VendorFacts> {
        let vendors = self.vendors;
        let Some(name) = name else {
            self.report.missing(path, "type", "name the vendor, for example `type: openai`".to_owned());
            return None;
        };
        let found = vendors.iter().find(|vendor| vendor.id == name || vendor.aliases.iter().any(|alias| alias == name));
        if found.is_none() {
            let known = vendors.iter().flat_map(|vendor| std::iter::once(&vendor.id).chain(&vendor.aliases)).map(String::as_str);
            let hint = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "`llm-sidecar vendors` lists the {} that are known; for another one with OpenAI's API use `openai_compatible`",
                    vendors.len()
                ),
            };
            self.report.error(&path.key("type"), format!("unknown vendor `{name}`"), hint);
        }
        found
    }

    fn auth(
        &mut self,
        auth: Option<model::Auth>,
        keys: Keys,
        clouds: &Clouds<'_>,
        vendor: Option<&VendorFacts>,
        path: &KeyPath<'_>,
    ) -> ProviderAuth {
        let Keys { one: key, many: keys } = keys;
        let (at, pool) = (path.key("api_key"), path.key("api_keys"));
        let (has_key, has_pool) = (self.report.has(&at), self.report.has(&pool));
        if let Some(auth) = auth.filter(|auth| *auth != model::Auth::Key) {
            if has_key || has_pool {
                let hint = "leave one of the two out".to_owned();
                let name = if has_key { "api_key" } else { "api_keys" };
                self.report.error(&path.key("auth"), format!("with this `auth` the `{name}` would not be used"), hint);
            }
            return match auth {
                model::Auth::Forward => ProviderAuth::Forward,
                model::Auth::Google => self.cloud(Cloud::Google, clouds, path),
                model::Auth::Sigv4 => {
                    if vendor.is_some_and(|vendor| vendor.cloud != Some(Cloud::Aws)) {
                        self.report.error(&path.key("auth"), "this vendor takes no signatures of AWS's", None);
                    }
                    self.cloud(Cloud::Aws, clouds, path)
                }
                model::Auth::Entra => self.cloud(Cloud::Azure, clouds, path),
                model::Auth::Key | model::Auth::None => ProviderAuth::None,
            };
        }
        if has_key && has_pool {
            self.report.error(&pool, "there is an `api_key` already", "move it into this list".to_owned());
        }
        if has_pool {
            return self.pool(keys, &pool);
        }
        if let Some(key) = key {
            self.key(&key, &at);
            return ProviderAuth::Keys(vec![Secret::new(key)]);
        }
        // What is there but could not be read has been reported.
        if has_key {
            return ProviderAuth::None;
        }
        let Some(vendor) = vendor else { return ProviderAuth::None };
        let cloud = vendor.cloud.filter(|_| auth.is_none());
        if let Some(cloud) = cloud.filter(|cloud| self.names_identity(*cloud, clouds)) {
            return self.cloud(cloud, clouds, path);
        }
        let found = vendor.env.iter().find_map(|name| (self.env)(name).filter(|value| !value.trim().is_empty()));
        match found {
            Some(key) => ProviderAuth::Keys(vec![Secret::new(key)]),
            None => {
                if let Some(cloud) = cloud.filter(|cloud| self.may_have_identity(*cloud, path)) {
                    return self.cloud(cloud, clouds, path);
                }
                if vendor.needs_key {
                    let names = one_of(vendor.env.iter().map(String::as_str));
                    let hint = if names.is_empty() {
                        "give `api_key: ${NAME}`".to_owned()
                    } else {
                        format!("set {names} in the environment, or give `api_key: ${{NAME}}`")
                    };
                    self.report.missing(path, "api_key", hint);
                }
                ProviderAuth::None
            }
        }
    }

    fn auth_header(&mut self, name: Option<String>, path: &KeyPath<'_>) -> Option<String> {
        let name = name?;
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(header) if !RESERVED_HEADERS.contains(&header.as_str()) => return Some(name),
            Ok(_) => self.report.error(&path.key("auth_header"), format!("the header `{name}` is set by llm-sidecar itself"), None),
            Err(_) => self.report.error(&path.key("auth_header"), format!("`{name}` is not a header's name"), None),
        }
        None
    }

    /// A credential of the file.
    fn key(&mut self, key: &str, at: &KeyPath<'_>) {
        if key.trim().is_empty() {
            self.report.error(at, "the key is empty", None);
        } else if !key.trim_start().starts_with('{') && key.chars().any(|c| c.is_control() || c.is_whitespace()) {
            // A JSON document is a cloud's service account; anything else goes into a header.
            self.report.error(at, "the key holds blanks or control characters", None);
        }
        self.literal(at);
    }

    fn pool(&mut self, keys: Vec<String>, path: &KeyPath<'_>) -> ProviderAuth {
        if keys.is_empty() && self.report.root.find(path).is_some_and(|node| node.size() == 1) {
            self.report.error(path, "the list of keys is empty", None);
        }
        for (index, key) in keys.iter().enumerate() {
            let at = path.item(index);
            self.key(key, &at);
            if keys.iter().take(index).any(|earlier| earlier == key) {
                self.report.error(&at, "the same key stands in the list already", None);
            }
        }
        ProviderAuth::Keys(keys.into_iter().map(Secret::new).collect())
    }

    fn model_limits(&mut self, raw: &BTreeMap<String, model::Limit>, path: &KeyPath<'_>) -> BTreeMap<String, Limit> {
        raw.iter().map(|(name, limit)| (name.clone(), self.limit(limit, &path.key(name)))).collect()
    }

    fn headers(&mut self, raw: BTreeMap<String, String>, path: &KeyPath<'_>) -> Vec<(String, String)> {
        for (name, value) in &raw {
            let at = path.key(name);
            match HeaderName::from_bytes(name.as_bytes()) {
                Err(_) => self.report.error_on_key(&at, format!("`{name}` is not a header's name"), None),
                Ok(header) if RESERVED_HEADERS.contains(&header.as_str()) => {
                    self.report.error_on_key(&at, format!("the header `{name}` is set by llm-sidecar itself"), None);
                }
                Ok(_) if HeaderValue::from_str(value).is_err() => self.report.error(&at, "holds characters that no header can carry", None),
                Ok(_) => {}
            }
        }
        raw.into_iter().collect()
    }

    fn timeouts(&mut self, raw: &model::Timeout, path: &KeyPath<'_>) -> Timeouts {
        let default = Timeouts::default();
        let total = self.positive(&path.key("total"), raw.total, default.total);
        let mut within = |key: &str, time: Option<Time>, default: Duration| {
            let path = path.key(key);
            let value = self.positive(&path, time, default.min(total));
            if value > total {
                let message = format!("{} is longer than `total`, which is {}", Time(value), Time(total));
                self.report.error(&path, message, None);
            }
            value
        };
        Timeouts {
            connect: within("connect", raw.connect, default.connect),
            first_token: within("first_token", raw.first_token, default.first_token),
            idle: within("idle", raw.idle, default.idle),
            total,
            min_tokens_per_second: raw.min_tokens_per_second.unwrap_or(default.min_tokens_per_second),
        }
    }

    fn retry(&mut self, raw: &model::Retry, path: &KeyPath<'_>) -> Retry {
        let default = Retry::default();
        if raw.attempts.is_some_and(|attempts| !(1..=MOST_ATTEMPTS).contains(&attempts)) {
            let hint = "1 means that nothing is repeated".to_owned();
            self.report.error(&path.key("attempts"), format!("must be 1 to {MOST_ATTEMPTS}"), hint);
        }
        if raw.ambiguous.is_some_and(|times| times >= MOST_ATTEMPTS) {
            self.report.error(&path.key("ambiguous"), format!("must be 0 to {}", MOST_ATTEMPTS - 1), None);
        }
        Retry {
            attempts: raw.attempts.unwrap_or(default.attempts),
            backoff_min: raw.backoff.map_or(default.backoff_min, |backoff| backoff.min),
            backoff_max: raw.backoff.map_or(default.backoff_max, |backoff| backoff.max),
            budget: raw.budget.map_or(default.budget, |budget| budget.0),
            ambiguous: raw.ambiguous.unwrap_or(default.ambiguous),
            replay_max: raw.replay_max.map_or(default.replay_max, |size| size.0),
        }
    }
}
