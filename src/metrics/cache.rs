//! The response cache's handles, resolved once.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::Labels;
use crate::base::outcome::CacheResult;

pub struct CacheMetrics {
    requests: [Counter; CacheResult::ALL.len()],
    /// What the kept answers take.
    pub bytes: Gauge,
}

impl CacheMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let requests = Family::<Labels, Counter>::default();
        let bytes = Gauge::default();
        registry.register("llm_cache_requests", "Requests of routes that have a cache, by what it did for them", requests.clone());
        registry.register_with_unit("llm_cache", "Memory that kept answers take", Unit::Bytes, bytes.clone());
        let handle = |result: CacheResult| requests.get_or_create_owned(&Labels::of([("result", result.as_str())]));
        Self { requests: CacheResult::ALL.map(handle), bytes }
    }

    pub fn count(&self, result: CacheResult) {
        let counted = CacheResult::ALL.iter().zip(&self.requests).find(|(known, _)| **known == result);
        if let Some((_, counter)) = counted {
            counter.inc();
        }
    }
}
