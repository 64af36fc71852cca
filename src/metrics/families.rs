//! Every metric family, by its exact name.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::alerts::AlertMetrics;
use super::cache::CacheMetrics;
use super::histogram::{Histogram, HistogramFamily};
use super::labels::Labels;
use super::money::MoneyMetrics;
use super::signatures::SignatureMetrics;
use super::telemetry::TelemetryMetrics;

/// Seconds from a cache hit to a long reasoning answer.
const DURATION_BUCKETS: [f64; 16] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0];
/// Seconds between two pieces of a stream.
const INTER_TOKEN_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Seconds of the sidecar's own work.
const OVERHEAD_BUCKETS: [f64; 11] = [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1];

/// The families and the registry that prints them.
pub struct Metrics {
    registry: Registry,
    /// Bytes of the page when it was last made.
    page: AtomicUsize,
    pub requests: Family<Labels, Counter>,
    pub duration: HistogramFamily,
    pub active: Gauge,
    pub tokens: Family<Labels, Counter>,
    pub errors: Family<Labels, Counter>,
    pub first_token: HistogramFamily,
    pub inter_token: HistogramFamily,
    overheads: HistogramFamily,
    pub overhead: Arc<Histogram>,
    dropped: Family<Labels, Counter>,
    pub attempts: Family<Labels, Counter>,
    pub rate_limit_hits: Family<Labels, Counter>,
    pub breaker_state: Family<Labels, Gauge>,
    pub breaker_transitions: Family<Labels, Counter>,
    pub concurrency_limit: Family<Labels, Gauge>,
    pub concurrency_in_flight: Family<Labels, Gauge>,
    pub queue_depth: Family<Labels, Gauge>,
    pub hedged: Family<Labels, Counter>,
    pub mirrored: Family<Labels, Counter>,
    pub degraded: Family<Labels, Counter>,
    pub config_in_sync: Gauge,
    config_reloads: Family<Labels, Counter>,
    pub config_last_success: Gauge<f64, AtomicU64>,
    pub panics: Counter,
    pub accept_errors: Counter,
    shed: Family<Labels, Counter>,
    pub connections: Gauge<i64, AtomicI64>,
    pub cache: CacheMetrics,
    pub signatures: SignatureMetrics,
    pub money: MoneyMetrics,
    pub telemetry: TelemetryMetrics,
    pub alerts: AlertMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let seconds = |name, help, bounds| HistogramFamily::new(name, Some("seconds"), help, bounds);
        let overheads =
            seconds("llm_proxy_overhead_seconds", "The sidecar's own work on a request before it goes upstream", &OVERHEAD_BUCKETS);
        let metrics = Self {
            requests: Family::default(),
            duration: seconds("llm_request_duration_seconds", "From a request's head to the end of its answer", &DURATION_BUCKETS),
            active: Gauge::default(),
            tokens: Family::default(),
            errors: Family::default(),
            first_token: seconds(
                "llm_time_to_first_token_seconds",
                "From a request's head to the first content of its answer",
                &DURATION_BUCKETS,
            ),
            inter_token: seconds(
                "llm_inter_token_seconds",
                "Mean time between two pieces of content of a stream, one observation a stream",
                &INTER_TOKEN_BUCKETS,
            ),
            overhead: overheads.get_or_create(&Labels::of([])),
            overheads,
            dropped: Family::default(),
            attempts: Family::default(),
            rate_limit_hits: Family::default(),
            breaker_state: Family::default(),
            breaker_transitions: Family::default(),
            concurrency_limit: Family::default(),
            concurrency_in_flight: Family::default(),
            queue_depth: Family::default(),
            hedged: Family::default(),
            mirrored: Family::default(),
            degraded: Family::default(),
            config_in_sync: Gauge::default(),
            config_reloads: Family::default(),
            config_last_success: Gauge::default(),
            panics: Counter::default(),
            accept_errors: Counter::default(),
            shed: Family::default(),
            connections: Gauge::default(),
            cache: CacheMetrics::new(&mut registry),
            signatures: SignatureMetrics::new(&mut registry),
            money: MoneyMetrics::new(&mut registry),
            telemetry: TelemetryMetrics::new(&mut registry),
            alerts: AlertMetrics::new(&mut registry),
            registry: Registry::default(),
            page: AtomicUsize::new(16 << 10),
        };
        registry.register(
            "llm_requests",
            "Requests by the provider and model that answered and the HTTP status told to the client",
            metrics.requests.clone(),
        );
        registry.register("llm_active_requests", "Requests under way", metrics.active.clone());
        registry.register("llm_tokens", "Tokens by type, as the vendors count them", metrics.tokens.clone());
        registry.register("llm_errors", "Errors told to clients, by code", metrics.errors.clone());
        registry.register("llm_translation_dropped", "Request fields the target could not express", metrics.dropped.clone());
        registry.register("llm_upstream_attempts", "Attempts at upstreams, by what became of them", metrics.attempts.clone());
        registry.register(
            "llm_rate_limit_hits",
            "Requests and attempts that found no room under a limit of a client or an upstream",
            metrics.rate_limit_hits.clone(),
        );
        registry.register(
            "llm_circuit_breaker_state",
            "0 closed, 1 half-open, 2 open; of the models that are not named in the configuration the worst",
            metrics.breaker_state.clone(),
        );
        registry.register(
            "llm_circuit_breaker_transitions",
            "Changes of a breaker's state, by the new state and the reason it opened for",
            metrics.breaker_transitions.clone(),
        );
        registry.register("llm_concurrency_limit", "The most requests at once, as adapted at present", metrics.concurrency_limit.clone());
        registry.register(
            "llm_concurrency_in_flight",
            "Requests under way that count against a concurrency limit",
            metrics.concurrency_in_flight.clone(),
        );
        registry.register("llm_queue_depth", "Requests that wait for room under a limit", metrics.queue_depth.clone());
        registry.register("llm_hedged_requests", "Requests that a second attempt was considered for, by result", metrics.hedged.clone());
        registry.register("llm_mirrored_requests", "Copies of requests, by result", metrics.mirrored.clone());
        registry.register("llm_degraded_answers", "Answers by the last resort of a route", metrics.degraded.clone());
        registry.register(
            "llm_config_in_sync",
            "1 when the running configuration is what the files say, 0 when the files are invalid",
            metrics.config_in_sync.clone(),
        );
        registry.register("llm_config_reloads", "Reloads, by result", metrics.config_reloads.clone());
        registry.register(
            "llm_config_last_success_timestamp_seconds",
            "When the configuration was last taken over, in Unix seconds",
            metrics.config_last_success.clone(),
        );
        registry.register("llm_panics", "Requests lost to a panic", metrics.panics.clone());
        registry.register(
            "llm_accept_errors",
            "Connections that could not be accepted at once, for want of descriptors or places",
            metrics.accept_errors.clone(),
        );
        registry.register("llm_shed", "Requests turned away before their body was read, by reason", metrics.shed.clone());
        registry.register("llm_connections", "Open connections of clients", metrics.connections.clone());
        let metrics = Self { registry, ..metrics };
        metrics.begin();
        metrics
    }
}

impl Metrics {
    /// Series of closed sets begin at 0, so that the first event shows as a rate.
    fn begin(&self) {
        let begin = |family: &Family<Labels, Counter>, label: &'static str, words: &[&str]| {
            words.iter().for_each(|word| drop(family.get_or_create(&Labels::of([(label, word)]))));
        };
        begin(&self.hedged, "result", &["won", "lost", "denied"]);
        begin(&self.mirrored, "result", &["ok", "error", "skipped"]);
        begin(&self.shed, "reason", &["requests", "memory"]);
        begin(&self.config_reloads, "result", &["ok", "error", "rolled_back"]);
    }

    /// OpenMetrics text.
    pub fn encode(&self) -> String {
        // It seldom grows much from one time to the next.
        let last = self.page.load(Ordering::Relaxed);
        let mut text = String::with_capacity(last + last / 8);
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry);
        for family in [&self.duration, &self.first_token, &self.inter_token, &self.overheads, &self.money.call] {
            family.encode(&mut text);
        }
        let _ = encode_eof(&mut text);
        self.page.store(text.len(), Ordering::Relaxed);
        text
    }

    /// `scope` and `name` say whose limit it is, `limit` which.
    pub fn rate_limit_hit(&self, scope: &str, name: &str, limit: &str) {
        let labels = Labels::of([("scope", scope), ("name", name), ("limit", limit)]);
        self.rate_limit_hits.get_or_create(&labels).inc();
    }

    /// A breaker changed to the state `to`; `reason` is why it opened.
    pub fn breaker_transition(&self, provider: &str, model: &str, to: &str, reason: &str) {
        let labels = Labels::of([("provider", provider), ("model", model), ("to", to), ("reason", reason)]);
        self.breaker_transitions.get_or_create(&labels).inc();
    }

    /// What became of the second attempt of a request: won, lost, or denied by a budget.
    pub fn hedge(&self, result: &str) {
        self.hedged.get_or_create(&Labels::of([("result", result)])).inc();
    }

    /// What became of a copy: ok, error or skipped.
    pub fn mirror(&self, result: &str) {
        self.mirrored.get_or_create(&Labels::of([("result", result)])).inc();
    }

    /// The last resort of the alias `model` served.
    pub fn degraded(&self, model: &str) {
        self.degraded.get_or_create(&Labels::of([("model", model)])).inc();
    }

    /// A request was turned away before its body was read.
    pub fn shed(&self, reason: &str) {
        self.shed.get_or_create(&Labels::of([("reason", reason)])).inc();
    }

    /// A reload ended: ok, error or rolled_back.
    pub fn config_reload(&self, result: &str) {
        self.config_reloads.get_or_create(&Labels::of([("result", result)])).inc();
    }

    /// A field of a request could not be told the target.
    pub fn dropped(&self, field: &str) {
        self.dropped.get_or_create(&Labels::of([("field", field)])).inc();
    }

    /// Counts an error told to a client. `code` is the sidecar's own word; a vendor's own codes count as `vendor`.
    pub fn error(&self, code: &str) {
        self.errors.get_or_create(&Labels::of([("code", code)])).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_documented_ones() {
        let metrics = Metrics::default();
        let target = crate::metrics::TargetMetrics::new(&metrics, "p", "m");
        let second = std::time::Duration::from_secs(1);
        target.request(&metrics, 200, second, Some("00ff"));
        target.first_token(&metrics, second, None);
        target.inter_token(&metrics, second);
        metrics.error("model_not_found");
        let text = metrics.encode();
        for line in [
            "llm_requests_total{provider=\"p\",model=\"m\",status=\"200\"} 1",
            "llm_errors_total{code=\"model_not_found\"} 1",
            "llm_active_requests 0",
            "# TYPE llm_request_duration_seconds histogram",
            "# TYPE llm_time_to_first_token_seconds histogram",
            "# TYPE llm_inter_token_seconds histogram",
            "# TYPE llm_proxy_overhead_seconds histogram",
            "llm_config_in_sync 0",
            "llm_cache_requests_total{result=\"shared\"} 0",
            "llm_cache_bytes 0",
            "llm_signature_entries 0",
            "llm_signature_bytes 0",
            "llm_signatures_restored_total 0",
            "# {trace_id=\"00ff\"} 1.0",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
