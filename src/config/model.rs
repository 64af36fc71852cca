//! The configuration file as it is written. The comments are the descriptions in the JSON Schema.
//!
//! Everything is optional here: what must be there depends on other values and is the business of `check`.

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
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::duration::Time;
use super::size::Size;
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

/// Configuration of llm-sidecar. Any text may hold `${ENV}`, `${ENV:-default}` and `${file:/path}`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "llm-sidecar configuration")]
pub struct File {
    /// Further files, relative to this one; `*` and `?` may stand in the file's name. Their maps are merged into this file's, their lists appended; a name that is there twice is an error.
    #[schemars(example = ["providers.d/*.yaml"])]
    pub include: Vec<String>,
    /// Where clients connect: `host:port`, or a list of them. Port 0 takes a free one. Default: 127.0.0.1:4000. Changes need a restart.
    pub listen: Option<OneOrMany>,
    /// TLS for the clients' connections. Changes of the paths need a restart.
    pub tls: Option<ListenerTls>,
    /// The second listener: health, metrics and the admin API.
    pub admin: Admin,
    /// Who may call. Absent: anyone who can reach the listener, which is then loopback only.
    pub clients: Vec<Client>,
    /// The upstreams, by name.
    pub providers: BTreeMap<String, Provider>,
    /// Names clients can use as `model`, and what they stand for. Without one, `provider/model` and a bare model name work too.
    pub models: BTreeMap<String, Route>,
    /// How requests are translated for vendors of another API.
    pub translation: Translation,
    /// What models cost, on top of the built-in list.
    pub prices: Prices,
    /// What may be spent, beside the clients' own budgets. All that fit a request hold.
    pub budgets: Vec<ScopedBudget>,
    /// Where the records of use go: one for each request.
    pub usage: Usage,
    /// Where answers are kept for routes that have a `cache`.
    pub cache: Cache,
    /// What encrypted values (`enc:...`) are opened with.
    pub secrets: Option<Secrets>,
    /// Where what is made through the admin API is kept.
    pub store: Store,
    /// Limits and times of the sidecar's own listeners.
    pub server: Server,
    /// What is logged and how.
    pub log: Log,
    /// Traces for an OpenTelemetry collector.
    pub telemetry: Telemetry,
    /// Alerts that are posted to a webhook. Absent: none; Prometheus can have its own.
    pub alerts: Option<Alerts>,
    /// Going back by itself from a configuration that does worse than the one before. Absent: what is valid stays.
    pub rollout: Option<Rollout>,
}

/// One text or a list of them.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(number.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrMany, A::Error> {
                Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(OneOrMany::Many)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A certificate for a listener. PEM files, relative to the configuration file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerTls {
    /// The certificate and its chain.
    pub cert: Option<String>,
    /// The certificate's private key.
    pub key: Option<String>,
}

/// The admin listener.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// `host:port`, or a list of them. Default: 127.0.0.1:4001. Changes need a restart.
    pub listen: Option<OneOrMany>,
    /// TLS for it. Changes need a restart.
    pub tls: Option<AdminTls>,
    /// Who may use the admin API. Without `tokens`, `oidc` and `kubernetes` only health and metrics answer.
    pub tokens: Vec<AdminToken>,
    /// Users of an OpenID Connect provider may use it, too.
    pub oidc: Option<Oidc>,
    /// Users and service accounts of a Kubernetes cluster may use it, too.
    pub kubernetes: Option<KubernetesLogin>,
    /// Further roles, each a list of permissions such as `providers:read`.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Base URLs that providers made through the API may have besides public https ones; `*` stands for anything.
    #[schemars(example = ["http://ollama.internal:11434/*"])]
    pub allow_urls: Vec<String>,
}

/// A user of the admin API.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminToken {
    /// For the audit log.
    pub name: Option<String>,
    /// What it allows: viewer reads; operator also reloads, tests and resets; admin may do everything; or a name of `roles`. Default: viewer.
    pub role: Option<String>,
    /// The bearer token, at least 8 characters. Best `${ENV}` or `${file:/path}`.
    pub token: Option<String>,
    /// Its SHA-256 in hexadecimal digits instead.
    pub token_sha256: Option<String>,
}

/// A caller.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// For logs and metrics.
    pub name: Option<String>,
    /// What it sends as its API key, at least 8 characters. Best `${ENV}` or `${file:/path}`.
    pub key: Option<String>,
    /// The SHA-256 of its keys in hex, instead of `key`: any of them will do.
    pub key_sha256: Option<Vec<String>>,
    /// The models it may use, as written in its requests; `*` stands for anything. Default: all.
    pub models: Vec<String>,
    /// What it may use at once and over time.
    pub limit: Limit,
    /// What it may spend.
    pub budget: Option<Budget>,
}

/// An upstream: a vendor's API with a credential.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Provider {
    /// The vendor: openai, anthropic, azure, qwen, groq, openai_compatible and others.
    #[serde(rename = "type")]
    pub vendor: Option<String>,
    /// Which of a vendor's APIs is spoken, where it has several. qwen: compatible (OpenAI's, default) or native (DashScope's own).
    pub api: Option<String>,
    /// Where its API is. Default: the vendor's own address, if it has one.
    pub base_url: Option<String>,
    /// The region, in the vendor's words, where it has several. qwen: cn (default), intl, us or hk. bedrock: as in us-east-1;
    /// default: that of AWS_REGION or AWS_DEFAULT_REGION.
    pub region: Option<String>,
    /// The vendor's API key: `${ENV}` or `${file:/path}`. Default: the vendor's usual environment variable.
    pub api_key: Option<String>,
    /// Several keys of one account instead of `api_key`: requests are spread over them, and one the vendor refuses is left alone for a while.
    pub api_keys: Vec<String>,
    /// key: send `api_key`. google: send tokens of a Google identity. sigv4: sign by an AWS identity. entra: send tokens of a Microsoft Entra identity. forward: send the client's own credential on. none: send nothing. Default: the key, or what the vendor's cloud knows instead of one.
    pub auth: Option<Auth>,
    /// The header that carries the key alone. Default: the vendor's own, mostly `Authorization: Bearer`.
    pub auth_header: Option<String>,
    /// Who the sidecar is at Google Cloud.
    pub google: Google,
    /// Who the sidecar is at AWS.
    pub aws: Aws,
    /// Who the sidecar is at Microsoft Entra.
    pub entra: Entra,
    /// The organization requests are counted for, where the vendor knows such a thing.
    pub organization: Option<String>,
    /// The project requests are counted for, where the vendor knows such a thing. Google Cloud: the project that is asked. Default there: GOOGLE_CLOUD_PROJECT, or the credentials file's.
    pub project: Option<String>,
    /// Google Cloud: where it is asked, as in global, eu or europe-west4. Default: GOOGLE_CLOUD_LOCATION or CLOUD_ML_REGION, else global.
    pub location: Option<String>,
    /// Azure: the `api-version`, as in 2024-10-21. Absent: the versionless `/openai/v1` API.
    pub api_version: Option<String>,
    /// Azure: the deployment of each model.
    pub deployments: BTreeMap<String, String>,
    /// Further headers for every request.
    pub headers: BTreeMap<String, String>,
    /// The models it offers. Default: what the vendor's own list says.
    pub models: Option<Vec<String>>,
    /// How long to wait for what.
    pub timeout: Timeout,
    /// How failed attempts are repeated.
    pub retry: Retry,
    /// What may be sent at once and over time, all models together.
    pub limit: Limit,
    /// The same for single models, by the vendor's name of the model; on top of `limit`.
    pub model_limits: BTreeMap<String, Limit>,
    /// When it is taken for broken and left alone.
    pub breaker: Breaker,
    /// TLS to the vendor.
    pub tls: UpstreamTls,
    /// How it deviates from its vendor's usual behaviour, in the form of the vendor catalogue.
    pub quirks: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Whose credential the vendor gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    Key,
    Google,
    Sigv4,
    Entra,
    Forward,
    None,
}

/// Times of one attempt, but for `total`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeout {
    /// DNS, TCP and TLS together. Default: 5s.
    pub connect: Option<Time>,
    /// Until the first content of the answer, or the whole answer if it is not streamed. Default: 60s.
    pub first_token: Option<Time>,
    /// The longest silence inside an answer. Default: 60s.
    pub idle: Option<Time>,
    /// All attempts of a request together. Default: 10m.
    pub total: Option<Time>,
    /// A stream that brings fewer tokens a second than this over 30 s is ended with an error. Default: 0, which ends none.
    pub min_tokens_per_second: Option<u32>,
}

/// TLS to a vendor. PEM files, relative to the configuration file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTls {
    /// Further certificate authorities to trust.
    pub ca: Option<String>,
    /// A certificate to show to the vendor.
    pub cert: Option<String>,
    /// Its private key.
    pub key: Option<String>,
    /// The name to verify instead of the host in `base_url`.
    pub server_name: Option<String>,
}

/// Translation between vendors' APIs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Translation {
    /// What happens to a field the vendor's API has no words for: drop, warn (drop and say so in the log) or reject. The header x-llm-dropped names what was dropped. Default: warn.
    pub unsupported: Unsupported,
    /// Thinking that vendors sign (Anthropic, Gemini, OpenAI's Responses), remembered for clients that do not send it back.
    pub signatures: Signatures,
}

/// How much signed thinking is remembered, in memory only. An entry belongs to one tool call.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Signatures {
    /// The most entries. 0 remembers nothing. Default: 10000.
    pub max_entries: Option<u32>,
    /// The most bytes of all entries together. Default: 32MiB.
    pub max_bytes: Option<Size>,
    /// How long an entry is kept after it was last used. Default: 1h.
    pub ttl: Option<Time>,
}

/// What happens to a field the vendor's API has no words for.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unsupported {
    Drop,
    #[default]
    Warn,
    Reject,
}

/// Limits and times of the listeners.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The largest request body that is read as JSON. Default: 64MiB.
    pub max_body: Option<Size>,
    /// The largest whole answer that is collected. Default: 64MiB.
    pub max_response: Option<Size>,
    /// The largest single event of a stream. Default: 8MiB.
    pub max_event: Option<Size>,
    /// The most connections of clients at once; more wait to be accepted. Default: half of what the limit of open files leaves beside 64.
    pub max_connections: Option<u32>,
    /// The most requests under way at once; more are answered with 503 at once. Default: no limit.
    pub max_requests: Option<u32>,
    /// The memory the process may have, at least 16MiB. From 95 % of it on new requests are answered with 503. Default: the limit of the control group, if it has one.
    pub max_memory: Option<Size>,
    /// The time a client has to send its request's head. Default: 10s.
    pub header_timeout: Option<Time>,
    /// The longest silence while a client sends its body, which beside that has to come with 500 bytes a second on average. Default: 30s.
    pub body_timeout: Option<Time>,
    /// The longest time a client may read nothing of its answer. Default: 60s.
    pub write_timeout: Option<Time>,
    /// How long an idle connection of a client is kept. Default: 75s.
    pub keep_alive: Option<Time>,
    /// Silence in a stream after which a heartbeat is sent. Default: 15s.
    pub heartbeat: Option<Time>,
    /// After SIGTERM: how long new requests are still taken. Default: 5s.
    pub drain_delay: Option<Time>,
    /// After SIGTERM: how long open requests may go on. Default: 5m.
    pub drain_timeout: Option<Time>,
    /// Worker threads, 1 to 1024. Default: one per core this process may use. Changes need a restart.
    pub workers: Option<u32>,
    /// Listen beyond loopback although anyone could call. Default: false.
    pub allow_open: bool,
}

/// Logging.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// error, warn, info, debug or trace, also by module: `info,llm_sidecar::proxy=debug`. Default: info.
    pub level: Option<String>,
    /// json or text. Default: json.
    pub format: LogFormat,
    /// One line per request. Default: true.
    pub access: Option<bool>,
}

/// One JSON object a line, or text for people.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Json,
    Text,
}
