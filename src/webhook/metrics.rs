//! What the webhook counts.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, &'static str)>;

/// The families and the registry that prints them.
pub(super) struct Metrics {
    registry: Registry,
    injections: Family<Labels, Counter>,
    pub(super) in_sync: Gauge,
    pub(super) certificate_managed: Gauge,
    pub(super) certificate_expiry: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let injections = Family::<Labels, Counter>::default();
        let (in_sync, certificate_managed, certificate_expiry) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("llm_sidecar_injections", "Pods reviewed, by what became of them and why", injections.clone());
        registry.register(
            "llm_sidecar_webhook_in_sync",
            "Whether the files on disk are those in use (1) or are not usable (0)",
            in_sync.clone(),
        );
        registry.register(
            "llm_sidecar_webhook_certificate_managed",
            "Whether the certificate could be looked after (1) or not (0), where the webhook makes it itself; always 1 where it is a file",
            certificate_managed.clone(),
        );
        registry.register(
            "llm_sidecar_webhook_certificate_expiry_seconds",
            "When the certificate in use ends, in seconds since 1970; 0 while there is none, or its end cannot be read",
            certificate_expiry.clone(),
        );
        in_sync.set(1);
        certificate_managed.set(1);
        Self { registry, injections, in_sync, certificate_managed, certificate_expiry }
    }
}

impl Metrics {
    pub(super) fn reviewed(&self, result: &'static str, reason: &'static str) {
        self.injections.get_or_create(&vec![("result", result), ("reason", reason)]).inc();
    }

    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
