//! What is exported to a collector.

use std::time::Duration;

use super::ClientTls;
use crate::base::secret::Secret;

/// Traces and usage records. The default exports nothing.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// `None` exports nothing.
    pub otlp: Option<Otlp>,
    /// How requests are traced; `None` where they are not.
    pub traces: Option<Traces>,
    /// A log record of what each request used.
    pub usage: bool,
}

/// Which requests are traced, and how far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traces {
    /// The part of all requests, 0 to 1.
    pub ratio: f64,
    /// A caller's decision counts instead, where there is one.
    pub follow_parent: bool,
    /// With the bodies of requests and answers.
    pub content: bool,
}

/// A collector.
#[derive(Clone, Debug)]
pub struct Otlp {
    /// Where spans go, whole.
    pub traces: String,
    /// Where log records go.
    pub logs: String,
    pub protocol: OtlpProtocol,
    pub headers: Vec<(String, Secret)>,
    /// For one export.
    pub timeout: Duration,
    /// Between two exports.
    pub interval: Duration,
    pub tls: ClientTls,
    /// Whose telemetry it is: `service.name` and others.
    pub resource: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    Http,
    Grpc,
}
