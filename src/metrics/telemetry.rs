//! What became of spans and usage records that were to be exported.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::Labels;

pub struct TelemetryMetrics {
    pub sent: Counter,
    /// The collector refused them or could not be reached.
    pub failed: Counter,
    /// There was no room for them.
    pub dropped: Counter,
}

impl TelemetryMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let records = Family::<Labels, Counter>::default();
        registry.register("llm_telemetry_records", "Spans and usage records to be exported, by what became of them", records.clone());
        let handle = |result: &str| records.get_or_create_owned(&Labels::of([("result", result)]));
        Self { sent: handle("sent"), failed: handle("failed"), dropped: handle("dropped") }
    }
}
