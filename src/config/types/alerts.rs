//! Alerts that are posted to a webhook.

use std::time::Duration;

use super::ClientTls;
use crate::base::secret::Secret;

/// Who is told of what.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// The whole URL that is posted to. It may hold a token.
    pub url: Secret,
    pub format: AlertFormat,
    pub headers: Vec<(String, Secret)>,
    /// For one post.
    pub timeout: Duration,
    pub tls: ClientTls,
    /// After how long what still fires is posted again.
    pub repeat_interval: Duration,
    /// Between two looks.
    pub interval: Duration,
    /// Of every alert.
    pub labels: Vec<(String, String)>,
    pub thresholds: AlertThresholds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertFormat {
    Json,
    Alertmanager,
}

/// From where on something is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlertThresholds {
    /// 0 to 1.
    pub error_rate: f64,
    pub latency: Duration,
    /// In billionths of the price's currency: one of the bounds of `llm_call_cost`.
    pub call_cost: u64,
    /// 0 to 1.
    pub budget: f64,
    /// 0 to 1.
    pub concurrency: f64,
}

impl Default for AlertThresholds {
    /// Those of the chart's `alerts.yaml`.
    fn default() -> Self {
        Self { error_rate: 0.1, latency: Duration::from_secs(30), call_cost: 1_000_000_000, budget: 0.8, concurrency: 0.9 }
    }
}
