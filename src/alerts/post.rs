//! Posts to the webhook. What did not get there is due again at a later look.

use std::time::Duration;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::body::body;
use super::state::Alerts;
use crate::base::secret::Secret;
use crate::config;
use crate::metrics::AlertMetrics;
use crate::upstream::Connections;
use crate::vendor::auth::Ask;

/// The longest time between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Knows when the next attempt may be made.
#[derive(Default)]
pub(super) struct Courier {
    failures: u32,
    not_before: Option<Instant>,
}

impl Courier {
    /// Posts what is due, in one attempt.
    pub(super) async fn deliver(&mut self, alerts: &mut Alerts, settings: &config::Alerts, admin: &config::Admin, metrics: &AlertMetrics) {
        let now = Instant::now();
        let due = alerts.due(now, settings.repeat_interval);
        if due.is_empty() || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        let scheme = if admin.tls.is_some() { "https" } else { "http" };
        let url = admin.listen.first().map_or_else(String::new, |address| format!("{scheme}://{address}/"));
        let body = body(settings, &due, &url, jiff::Timestamp::now()).to_string();
        match post(settings, body).await {
            Ok(()) => {
                metrics.sent.inc();
                alerts.told(&due, now);
                *self = Self::default();
            }
            Err(why) => {
                metrics.failed.inc();
                tracing::warn!(why, alerts = due.len(), "alerts could not be posted; it is tried again");
                let pause = settings.interval.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
                self.failures += 1;
                self.not_before = Some(Instant::now() + pause);
            }
        }
    }
}

async fn post(settings: &config::Alerts, body: String) -> Result<(), String> {
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    for (name, value) in &settings.headers {
        if let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.expose())) {
            value.set_sensitive(true);
            headers.push((name, value));
        }
    }
    let ask = Ask { method: Method::POST, url: settings.url.expose().to_owned(), headers, body: Secret::new(body) };
    match tokio::time::timeout(settings.timeout, Connections::new(&settings.tls).ask(ask)).await {
        Ok(Ok((status, _))) if status.is_success() => Ok(()),
        Ok(Ok((status, _))) => Err(format!("status {status}")),
        Ok(Err(_)) => Err("no answer".to_owned()),
        Err(_) => Err(format!("no answer within {:?}", settings.timeout)),
    }
}
