//! What became of posts to the webhook of alerts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::Labels;

pub struct AlertMetrics {
    pub sent: Counter,
    /// There was no answer in time, or one that refuses.
    pub failed: Counter,
}

impl AlertMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let posts = Family::<Labels, Counter>::default();
        registry.register("llm_alert_posts", "Posts to the webhook of alerts, by result", posts.clone());
        let handle = |result: &str| posts.get_or_create_owned(&Labels::of([("result", result)]));
        Self { sent: handle("sent"), failed: handle("failed") }
    }
}
