//! Telemetry as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::UpstreamTls;
use crate::config::duration::Time;
use crate::config::size::Ratio;

/// Traces and usage records for an OpenTelemetry collector. What is absent is taken from the usual variables (OTEL_EXPORTER_OTLP_ENDPOINT and its like).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Where to export to, and how. Without an endpoint nothing is traced.
    pub otlp: Otlp,
    /// Which requests are traced.
    pub sampling: Sampling,
    /// Trace requests. Default: true, where there is an endpoint.
    pub traces: Option<bool>,
    /// Export a log record of what each request used, sampled or not. Default: false.
    pub usage: bool,
    /// Put the bodies of requests and answers into traces, up to 64 KiB of each. They hold what users write. Default: false.
    pub content: bool,
    /// Further attributes of the resource, such as deployment.environment.name.
    pub resource: BTreeMap<String, String>,
}

/// The collector.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// Its URL without a path of its own, as in http://127.0.0.1:4318 (http) or http://127.0.0.1:4317 (grpc).
    pub endpoint: Option<String>,
    /// http (protobuf) or grpc. Default: http.
    pub protocol: Option<OtlpProtocol>,
    /// Headers of every export, such as credentials. Best `${ENV}` or `${file:/path}`.
    pub headers: BTreeMap<String, String>,
    /// For one export. Default: 10s.
    pub timeout: Option<Time>,
    /// Between two exports, unless there are many spans. Default: 5s.
    pub interval: Option<Time>,
    /// TLS to the collector.
    pub tls: UpstreamTls,
}

/// How OTLP is spoken.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtlpProtocol {
    Http,
    Grpc,
}

/// Which requests are traced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// The part of all requests. Default: 100%.
    pub ratio: Option<Ratio>,
    /// Trace what the caller traces (by its traceparent) and nothing else of what it sends. Default: true.
    pub parent: Option<bool>,
}
