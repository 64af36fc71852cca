//! Telemetry: the file's settings, and the standard variables (`OTEL_*`) for what it leaves open.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::Check;
use super::url::base_url;
use crate::base::secret::Secret;
use crate::config::model;
use crate::config::node::KeyPath;
use crate::config::types::{ClientTls, Otlp, OtlpProtocol, Telemetry, Traces};

const TRACES_PATH: [&str; 2] = ["/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"];
const LOGS_PATH: [&str; 2] = ["/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"];
const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(5);
const SERVICE_NAME: &str = "service.name";

impl Check<'_> {
    pub(super) fn telemetry(&mut self, raw: &model::Telemetry) -> Telemetry {
        let root = KeyPath::Root;
        let path = root.key("telemetry");
        let at = path.key("otlp");
        let endpoint = raw.otlp.endpoint.as_ref().and_then(|endpoint| match base_url(endpoint) {
            Ok(endpoint) => Some(endpoint),
            Err((message, _)) => {
                self.report.error(&at.key("endpoint"), message, "write it like `http://127.0.0.1:4318`".to_owned());
                None
            }
        });
        self.sendable(&raw.otlp.headers, &at.key("headers"));
        let from_file = Given {
            endpoint,
            protocol: raw.otlp.protocol.map(|protocol| match protocol {
                model::OtlpProtocol::Http => OtlpProtocol::Http,
                model::OtlpProtocol::Grpc => OtlpProtocol::Grpc,
            }),
            headers: raw.otlp.headers.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
            timeout: raw.otlp.timeout.map(|_| self.positive(&at.key("timeout"), raw.otlp.timeout, TIMEOUT)),
            interval: self.positive(&at.key("interval"), raw.otlp.interval, INTERVAL),
            tls: self.client_tls(&raw.otlp.tls, &at.key("tls")),
            resource: raw.resource.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        };
        let otlp = otlp(from_file, self.env);
        let traces = Traces {
            ratio: raw.sampling.ratio.map_or_else(|| ratio(self.env), |ratio| ratio.0),
            follow_parent: raw.sampling.parent.unwrap_or(true),
            content: raw.content,
        };
        if raw.usage && otlp.is_none() {
            let hint = "give `telemetry.otlp.endpoint`, or set OTEL_EXPORTER_OTLP_ENDPOINT".to_owned();
            self.report.error(&path.key("usage"), "usage records need a collector to go to", hint);
        }
        let wanted = raw.traces.unwrap_or_else(|| (self.env)("OTEL_TRACES_EXPORTER").is_none_or(|exporter| exporter.trim() != "none"));
        Telemetry { traces: (wanted && otlp.is_some()).then_some(traces), usage: raw.usage && otlp.is_some(), otlp }
    }

    /// Headers that can be sent.
    pub(super) fn sendable(&mut self, headers: &BTreeMap<String, String>, path: &KeyPath<'_>) {
        for (name, value) in headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.report.error_on_key(&path.key(name), format!("`{name}` is not a header's name"), None);
            } else if HeaderValue::from_str(value).is_err() {
                self.report.error(&path.key(name), "holds characters that no header can carry", None);
            }
        }
    }
}

/// What the environment alone asks for.
pub fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Telemetry {
    let given = Given { interval: INTERVAL, ..Given::default() };
    let otlp = otlp(given, env);
    let wanted = env("OTEL_TRACES_EXPORTER").is_none_or(|exporter| exporter.trim() != "none");
    let traces = Traces { ratio: ratio(env), follow_parent: true, content: false };
    Telemetry { traces: (wanted && otlp.is_some()).then_some(traces), usage: false, otlp }
}

/// What the file says.
#[derive(Default)]
struct Given {
    endpoint: Option<String>,
    protocol: Option<OtlpProtocol>,
    headers: Vec<(String, Secret)>,
    timeout: Option<Duration>,
    interval: Duration,
    tls: ClientTls,
    resource: Vec<(String, String)>,
}

/// The collector that file and environment name together, if any. Values of the environment that mean nothing count as absent, as
/// OpenTelemetry wants it.
fn otlp(given: Given, env: &dyn Fn(&str) -> Option<String>) -> Option<Otlp> {
    let set = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    if set("OTEL_SDK_DISABLED").is_some_and(|disabled| disabled.eq_ignore_ascii_case("true")) {
        return None;
    }
    let of_signal = |signal: &str, what: &str| set(&format!("OTEL_EXPORTER_OTLP_{signal}_{what}"));
    let common = |what: &str| set(&format!("OTEL_EXPORTER_OTLP_{what}"));
    let spoken = of_signal("TRACES", "PROTOCOL").or_else(|| common("PROTOCOL"));
    let protocol = given.protocol.unwrap_or(match spoken.as_deref() {
        Some("grpc") => OtlpProtocol::Grpc,
        _ => OtlpProtocol::Http,
    });
    let is_grpc = usize::from(protocol == OtlpProtocol::Grpc);
    let in_env = |signal: &str, path: &str| {
        let own = of_signal(signal, "ENDPOINT").and_then(|url| base_url(&url).ok());
        match (own, is_grpc) {
            // A signal's own URL is the whole of it, but gRPC's path is always the same.
            (Some(url), 0) => Some(url),
            (Some(url), _) => Some(format!("{url}{path}")),
            (None, _) => common("ENDPOINT").and_then(|url| base_url(&url).ok()).map(|url| format!("{url}{path}")),
        }
    };
    let place = |signal: &str, paths: [&'static str; 2]| {
        let path = paths.get(is_grpc).copied().unwrap_or_default();
        given.endpoint.as_ref().map(|endpoint| format!("{endpoint}{path}")).or_else(|| in_env(signal, path))
    };
    let traces = place("TRACES", TRACES_PATH)?;
    let logs = place("LOGS", LOGS_PATH).unwrap_or_else(|| traces.replace("/v1/traces", "/v1/logs"));
    let mut headers = given.headers;
    if headers.is_empty() {
        let pairs = common("HEADERS").into_iter().chain(of_signal("TRACES", "HEADERS")).collect::<Vec<_>>().join(",");
        headers = list(&pairs).map(|(name, value)| (name, Secret::new(value))).collect();
    }
    let timeout = of_signal("TRACES", "TIMEOUT").or_else(|| common("TIMEOUT")).and_then(|ms| ms.parse().ok()).filter(|ms| *ms > 0);
    let mut resource = given.resource;
    let mut add = |name: String, value: String| {
        if !resource.iter().any(|(known, _)| *known == name) {
            resource.push((name, value));
        }
    };
    set("OTEL_SERVICE_NAME").into_iter().for_each(|name| add(SERVICE_NAME.to_owned(), name));
    list(&set("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()).for_each(|(name, value)| add(name, value));
    add(SERVICE_NAME.to_owned(), "llm-sidecar".to_owned());
    add("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let mut tls = given.tls;
    if let (None, Some(file)) = (&tls.ca_pem, common("CERTIFICATE")) {
        tls.ca_pem = std::fs::read(file).ok();
    }
    let timeout = given.timeout.or(timeout.map(Duration::from_millis)).unwrap_or(TIMEOUT);
    Some(Otlp { traces, logs, protocol, headers, timeout, interval: given.interval, tls, resource })
}

/// `a=1,b=2`, with percent-encoding in the values.
fn list(text: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = pairs.map(|(name, value)| (name.trim().to_owned(), percent_decode_str(value.trim()).decode_utf8_lossy().into_owned()));
    decoded.filter(|(name, _)| !name.is_empty())
}

/// The part of requests that is traced, by the standard variables.
fn ratio(env: &dyn Fn(&str) -> Option<String>) -> f64 {
    let argument =
        || env("OTEL_TRACES_SAMPLER_ARG").and_then(|ratio| ratio.trim().parse::<f64>().ok()).filter(|ratio| (0.0..=1.0).contains(ratio));
    match env("OTEL_TRACES_SAMPLER").as_deref().map(str::trim) {
        Some("always_off" | "parentbased_always_off") => 0.0,
        Some("traceidratio" | "parentbased_traceidratio") => argument().unwrap_or(1.0),
        _ => 1.0,
    }
}
