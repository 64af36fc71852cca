//! Alerts: where they go, and when they fire.

use std::time::Duration;

use http::Uri;

use super::Check;
use crate::base::secret::Secret;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::size::Ratio;
use crate::config::types::{AlertFormat, AlertThresholds, Alerts};
use crate::metrics::CALL_BUCKETS;

const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(15);
const REPEAT: Duration = Duration::from_secs(4 * 3600);
/// Alertmanager itself tells people once; it only has to hear that the alert still is.
const REPEAT_TO_ALERTMANAGER: Duration = Duration::from_secs(60);
const API: &str = "/api/v2/alerts";

impl Check<'_> {
    pub(super) fn alerts(&mut self, raw: &model::Alerts) -> Option<Alerts> {
        let root = KeyPath::Root;
        let path = root.key("alerts");
        let at = path.key("webhook");
        let Some(url) = &raw.webhook.url else {
            self.report.missing(&at, "url", "write it like `https://hooks.example.com/llm`".to_owned());
            return None;
        };
        self.webhook_url(url, &at.key("url"));
        self.sendable(&raw.webhook.headers, &at.key("headers"));
        for name in raw.labels.keys().filter(|name| !is_label(name)) {
            let hint = "letters, digits and `_`; not first a digit".to_owned();
            self.report.error_on_key(&path.key("labels").key(name), format!("`{name}` is not a label's name"), hint);
        }
        let (format, url, repeat) = match raw.webhook.format {
            model::AlertFormat::Json => (AlertFormat::Json, url.clone(), REPEAT),
            model::AlertFormat::Alertmanager => {
                let url = url.trim_end_matches('/');
                let url = if url.ends_with(API) { url.to_owned() } else { format!("{url}{API}") };
                (AlertFormat::Alertmanager, url, REPEAT_TO_ALERTMANAGER)
            }
        };
        Some(Alerts {
            url: Secret::new(url),
            format,
            headers: raw.webhook.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
            timeout: self.positive(&at.key("timeout"), raw.webhook.timeout, TIMEOUT),
            tls: self.client_tls(&raw.webhook.tls, &at.key("tls")),
            repeat_interval: self.positive(&path.key("repeat_interval"), raw.repeat_interval, repeat),
            interval: self.positive(&path.key("interval"), raw.interval, INTERVAL),
            labels: raw.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            thresholds: self.thresholds(&raw.thresholds, &path.key("thresholds")),
        })
    }

    fn thresholds(&mut self, raw: &model::Thresholds, path: &KeyPath<'_>) -> AlertThresholds {
        let default = AlertThresholds::default();
        let part = |given: Option<Ratio>, default: f64| given.map_or(default, |part| part.0);
        let call_cost = raw.call_cost.map_or(default.call_cost, |amount| self.nano(Some(amount.0), &path.key("call_cost")));
        if !CALL_BUCKETS.iter().any(|bound| (bound * 1e9 - call_cost as f64).abs() < 0.5) {
            let bounds = CALL_BUCKETS.map(|bound| bound.to_string()).join(", ");
            self.report.error(&path.key("call_cost"), "calls are not told apart by this cost", format!("write one of {bounds}"));
        }
        AlertThresholds {
            error_rate: part(raw.error_rate, default.error_rate),
            latency: self.positive(&path.key("latency"), raw.latency, default.latency),
            call_cost,
            budget: part(raw.budget, default.budget),
            concurrency: part(raw.concurrency, default.concurrency),
        }
    }

    /// The message never quotes it: it may hold a token.
    fn webhook_url(&mut self, url: &str, path: &KeyPath<'_>) {
        let parsed = url.parse::<Uri>().ok();
        let is_whole = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
        let Some(uri) = parsed.filter(is_whole) else {
            self.report.error(path, "this is not a URL", "write it like `https://hooks.example.com/llm`".to_owned());
            return;
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            self.report.error(path, "the URL must not hold a user or password", "put `Authorization` into `headers`".to_owned());
        }
    }
}

/// As Prometheus has them.
fn is_label(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
