//! The checked configuration: every value in its own type, every reference resolved.

mod access;
mod alerts;
mod cloud;
mod limit;
mod login;
mod money;
mod rollout;
mod route;
mod secrets;
mod store;
mod telemetry;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::effective::Effective;
use crate::base::secret::Secret;
pub use access::*;
pub use alerts::*;
pub use cloud::*;
pub use limit::*;
pub use login::*;
pub use money::*;
pub use rollout::*;
pub use route::*;
pub use secrets::*;
pub use store::*;
pub use telemetry::*;

/// A configuration that has passed every check.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses of the data listener. Boot-only.
    pub listen: Vec<SocketAddr>,
    /// TLS on the data listener. Boot-only.
    pub tls: Option<ServerTls>,
    pub admin: Admin,
    /// Who may call; empty means anyone who can reach the listener.
    pub clients: Vec<Client>,
    pub providers: BTreeMap<String, Provider>,
    /// Aliases.
    pub models: BTreeMap<String, Route>,
    pub unsupported: Unsupported,
    pub signatures: Signatures,
    pub prices: Prices,
    /// Beside those of clients.
    pub budgets: Vec<ScopedBudget>,
    /// Where records of use are written. Boot-only.
    pub usage_file: Option<UsageFile>,
    /// How long the store keeps sums of use; zero: it gets none. Boot-only.
    pub usage_keep: Duration,
    pub cache: Cache,
    /// What encrypted values are opened with.
    pub secrets: Option<Secrets>,
    /// Boot-only.
    pub store: Store,
    /// The same, to be shown.
    pub effective: Arc<Effective>,
    pub server: Server,
    pub log: Log,
    pub telemetry: Telemetry,
    /// `None` posts none.
    pub alerts: Option<Alerts>,
    /// `None` never goes back.
    pub rollout: Option<Rollout>,
    /// Keys that are understood but have no effect yet, and other advice, one line each.
    pub warnings: Vec<String>,
    /// Every file the configuration was read from, secrets and certificates included, and every folder an `include` pattern looks into.
    pub files: Vec<PathBuf>,
    /// SHA-256 over the content of all `files`, in hex; see [`super::hash_files`].
    pub hash: String,
}

#[derive(Clone, Debug)]
pub struct Admin {
    /// Boot-only.
    pub listen: Vec<SocketAddr>,
    /// Boot-only.
    pub tls: Option<ServerTls>,
    pub tokens: Vec<AdminToken>,
    pub oidc: Option<Oidc>,
    pub kubernetes: Option<KubernetesLogin>,
    /// The built-in roles and those of the file.
    pub roles: Vec<Role>,
    /// Base URLs that providers made through the API may have besides public https ones, as glob patterns.
    pub allow_urls: Vec<String>,
}

impl Admin {
    /// Nobody may use the admin API.
    pub fn is_closed(&self) -> bool {
        self.tokens.is_empty() && self.oidc.is_none() && self.kubernetes.is_none()
    }
}

/// A caller of the data listener.
#[derive(Clone, Debug)]
pub struct Client {
    pub name: String,
    /// SHA-256 of each of its keys.
    pub digests: Vec<[u8; 32]>,
    /// Models it may use, as glob patterns over what a client writes in `model`; empty means all.
    pub models: Vec<String>,
    pub limit: Limit,
    pub budget: Option<Budget>,
}

/// Certificates are PEM, read when the configuration is loaded.
#[derive(Clone, Debug)]
pub struct ServerTls {
    pub cert_pem: Vec<u8>,
    pub key_pem: Secret,
    /// Authorities of clients' certificates, which are asked for then.
    pub client_ca_pem: Option<Vec<u8>>,
}

/// One upstream: a vendor's API at a base URL with a credential.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    /// A vendor id of the catalogue.
    pub vendor: String,
    /// From the file, or the vendor's own. Without a trailing slash.
    pub base_url: String,
    /// From the file, or from the environment where the vendor's region is usually named there; where the vendor has an address for
    /// each, it is part of `base_url` already.
    pub region: Option<String>,
    pub auth: ProviderAuth,
    /// The header that carries the key alone; `None` means the vendor's usual one.
    pub auth_header: Option<String>,
    pub organization: Option<String>,
    pub project: Option<String>,
    /// Of a vendor that has several.
    pub location: Option<String>,
    /// Azure's `api-version`; `None` means the `/openai/v1` form.
    pub api_version: Option<String>,
    /// Azure: model name to deployment name.
    pub deployments: BTreeMap<String, String>,
    /// Further headers sent with every request.
    pub headers: Vec<(String, String)>,
    /// Models offered; `None` means learnt from the vendor's list.
    pub models: Option<Vec<String>>,
    pub timeout: Timeouts,
    pub retry: Retry,
    /// Over all models.
    pub limit: Limit,
    /// For single models, on top.
    pub model_limits: BTreeMap<String, Limit>,
    pub breaker: Breaker,
    pub tls: ClientTls,
    /// The file's own quirks on top of the vendor's (catalogue form, as JSON).
    pub quirks: Option<serde_json::Value>,
}

#[derive(Clone, Debug)]
pub enum ProviderAuth {
    /// The vendor's usual header with one of these keys; there is at least one.
    Keys(Vec<Secret>),
    /// A token of an identity at a cloud.
    Cloud(CloudAuth),
    /// The client's own credential is sent on.
    Forward,
    /// The vendor needs none.
    None,
}

/// Per attempt, but for `total`, which covers all attempts of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// DNS, TCP and TLS together.
    pub connect: Duration,
    /// From the request sent to the first content event (or the whole answer where it is not streamed).
    pub first_token: Duration,
    /// The longest silence between two bytes of a body.
    pub idle: Duration,
    pub total: Duration,
    /// A stream that is slower than so many tokens a second is ended; 0 ends none.
    pub min_tokens_per_second: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(600),
            min_tokens_per_second: 0,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Further trust anchors, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// A client certificate and its key, PEM.
    pub identity_pem: Option<(Vec<u8>, Secret)>,
    /// The name to verify instead of the URL's host.
    pub server_name: Option<String>,
}

/// What happens to request fields that the target cannot express.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Dropped, named in `x-llm-dropped`.
    Drop,
    /// Dropped, named in `x-llm-dropped` and in the log.
    #[default]
    Warn,
    /// Refused with 400.
    Reject,
}

/// How much signed thinking is remembered for clients that have no place for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// 0 remembers nothing.
    pub max_entries: usize,
    pub max_bytes: usize,
    /// After it was last used.
    pub ttl: Duration,
}

impl Default for Signatures {
    fn default() -> Self {
        Self { max_entries: 10_000, max_bytes: 32 << 20, ttl: Duration::from_secs(3600) }
    }
}

/// Limits and times of the sidecar's own listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// The largest request body that is read as JSON, in bytes.
    pub max_body: usize,
    /// The largest whole answer that is collected, in bytes.
    pub max_response: usize,
    /// The largest single event of a stream, in bytes.
    pub max_event: usize,
    /// Connections of clients at once; `None` means what the limit of open files allows.
    pub max_connections: Option<usize>,
    /// Requests under way at once; `None` is without limit.
    pub max_requests: Option<usize>,
    /// The process's memory in bytes; `None` means the limit of its control group, if that has one.
    pub max_memory: Option<usize>,
    /// The time a client has to send its request's head.
    pub header_timeout: Duration,
    /// The longest silence while a client sends its body.
    pub body_timeout: Duration,
    /// The longest time a client may read nothing of its answer.
    pub write_timeout: Duration,
    /// How long an idle connection of a client is kept.
    pub keep_alive: Duration,
    /// Silence in a stream after which a heartbeat is sent.
    pub heartbeat: Duration,
    /// After SIGTERM: how long new requests are still taken.
    pub drain_delay: Duration,
    /// After SIGTERM: how long open requests may go on.
    pub drain_timeout: Duration,
    /// Worker threads; `None` means one per core this process may use.
    pub workers: Option<usize>,
    /// Listen beyond loopback although anyone could call (no `clients`).
    pub allow_open: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            max_body: 64 << 20,
            max_response: 64 << 20,
            max_event: 8 << 20,
            max_connections: None,
            max_requests: None,
            max_memory: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(75),
            heartbeat: Duration::from_secs(15),
            drain_delay: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(300),
            workers: None,
            allow_open: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A `tracing` filter: `info`, `llm_sidecar=debug`.
    pub level: String,
    pub format: LogFormat,
    /// One line per request.
    pub access: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Text,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Json, access: true }
    }
}
