//! Floor 8: alerts for users without Prometheus. The rules are those of the chart's `alerts.yaml`, by the same names; a task beside
//! all requests looks at what `/metrics` would tell, and posts what began, what still is and what has ended to a webhook.

mod body;
mod history;
mod page;
mod post;
mod rules;
mod state;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::Runtime;
use post::Courier;
use state::Alerts;
use watch::Watch;

/// While no alerts are wanted the configuration is looked at as often.
const IDLE: Duration = Duration::from_secs(5);

/// Watches for ever. On the thread that serves `/metrics`: both set the same gauges first.
pub async fn run(runtime: Arc<Runtime>) {
    let mut state = (Watch::default(), Alerts::default(), Courier::default());
    loop {
        let snapshot = runtime.snapshot();
        let Some(settings) = &snapshot.config.alerts else {
            state = Default::default();
            tokio::time::sleep(IDLE).await;
            continue;
        };
        let (watch, alerts, courier) = &mut state;
        let now = Instant::now();
        snapshot.measure(&runtime.metrics, now);
        let findings = watch.look(&runtime.metrics.encode(), &settings.thresholds, now);
        alerts.observe(findings, now, jiff::Timestamp::now());
        courier.deliver(alerts, settings, &snapshot.config.admin, &runtime.metrics.alerts).await;
        tokio::time::sleep(settings.interval).await;
    }
}
