//! The handles of the memory of signed thinking, resolved once.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub struct SignatureMetrics {
    /// Tool calls whose thinking is remembered.
    pub entries: Gauge,
    /// What it takes.
    pub bytes: Gauge,
    /// Requests to which some was put back.
    pub restored: Counter,
}

impl SignatureMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self { entries: Gauge::default(), bytes: Gauge::default(), restored: Counter::default() };
        registry.register("llm_signature_entries", "Tool calls whose signed thinking is remembered", metrics.entries.clone());
        registry.register_with_unit("llm_signature", "Memory that signed thinking takes", Unit::Bytes, metrics.bytes.clone());
        registry.register("llm_signatures_restored", "Requests to which signed thinking was put back", metrics.restored.clone());
        metrics
    }
}
