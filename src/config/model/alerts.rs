//! Alerts as they are written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::UpstreamTls;
use crate::config::duration::Time;
use crate::config::size::Ratio;
use crate::config::text::Amount;

/// Alerts that are posted to a webhook, for users without Prometheus.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Where they go.
    pub webhook: Webhook,
    /// After how long what still is so is posted again. Default: 4h; 1m for Alertmanager, which forgets what it does not hear of.
    pub repeat_interval: Option<Time>,
    /// How often it is looked whether something is wrong. Default: 15s.
    pub interval: Option<Time>,
    /// Further labels of every alert, such as the name of the cluster.
    pub labels: BTreeMap<String, String>,
    /// When alerts fire.
    pub thresholds: Thresholds,
}

/// Who is told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The URL that is posted to; for Alertmanager its address, as in http://alertmanager:9093.
    pub url: Option<String>,
    /// json (a form of the sidecar's own) or alertmanager (its API, version 2). Default: json.
    pub format: AlertFormat,
    /// Headers of every post, such as credentials. Best `${ENV}` or `${file:/path}`.
    pub headers: BTreeMap<String, String>,
    /// For one post. Default: 10s.
    pub timeout: Option<Time>,
    /// TLS to the webhook.
    pub tls: UpstreamTls,
}

/// How alerts are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertFormat {
    #[default]
    Json,
    Alertmanager,
}

/// From where on something is wrong.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// More than this part of at least 10 requests to a model in 5 minutes were answered with 5xx or 429. Default: 10%.
    pub error_rate: Option<Ratio>,
    /// The 95th percentile of a model's durations in 5 minutes is above. Default: 30s.
    pub latency: Option<Time>,
    /// A single call cost more, in the currency of its price: 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5 or 20. Default: 1.
    pub call_cost: Option<Amount>,
    /// This part of a budget is used. Default: 80%.
    pub budget: Option<Ratio>,
    /// This part of a concurrency limit is used. Default: 90%.
    pub concurrency: Option<Ratio>,
}
