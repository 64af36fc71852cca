//! How pods are injected: the injector's own file, of which annotations of a pod may change some.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::environment;

/// What an injected pod gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The sidecar's image.
    pub image: String,
    pub image_pull_policy: Option<String>,
    /// The ConfigMap of the pod's namespace that holds `config.yaml`.
    pub config: String,
    /// The Secret of the pod's namespace whose files are mounted for `${file:/var/run/llm-sidecar/keys/NAME}`; it may be missing.
    pub keys_secret: String,
    /// The port of the data listener, on loopback.
    pub port: u16,
    /// The port of the admin listener: probes and metrics.
    pub admin_port: u16,
    /// The level of the operational log; none: as the configuration says.
    pub log_level: Option<String>,
    /// The sidecar's resources, as in a container.
    pub resources: Value,
    pub env: EnvironmentMode,
    /// Whose SDKs' variables the containers get: `openai`, `anthropic`, ...
    pub env_providers: Vec<String>,
    /// Only these containers get the variables; empty: all of them.
    pub containers: Vec<String>,
    /// Containers that are never given variables: other sidecars.
    pub skip_containers: Vec<String>,
    pub native: Native,
    pub probes: Probes,
    /// Seconds a stopping sidecar that is no native one goes on serving.
    pub drain_seconds: u32,
    /// Whether a pod that cannot be injected is refused (`true`), or let pass with a warning.
    pub strict: bool,
    /// The annotations that pods may use.
    pub allowed_overrides: Vec<String>,
    /// Labels for the sidecar's metrics scrape and the like, put on every injected pod where it has none of that name.
    pub pod_labels: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            image: concat!("llm-sidecar:", env!("CARGO_PKG_VERSION")).to_owned(),
            image_pull_policy: None,
            config: "llm-sidecar".to_owned(),
            keys_secret: "llm-sidecar-keys".to_owned(),
            port: 4000,
            admin_port: 4001,
            log_level: None,
            resources: json!({"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}}),
            env: EnvironmentMode::Auto,
            env_providers: words(&["openai", "anthropic", "azure", "gemini"]),
            containers: Vec::new(),
            skip_containers: words(&["istio-proxy", "linkerd-proxy", "daprd", "vault-agent", "cloud-sql-proxy"]),
            native: Native::Auto,
            probes: Probes::Http,
            drain_seconds: 5,
            strict: true,
            allowed_overrides: super::annotations::names().map(str::to_owned).collect(),
            pod_labels: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads the injector's file.
    ///
    /// # Errors
    /// Names the key, the line and what is expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let options = serde_yaml::options! { with_snippet: false };
        let settings: Self = serde_yaml::from_str_with_options(text, options).map_err(|error| error.to_string())?;
        match settings.env_providers.iter().find(|provider| !environment::is_known(provider)) {
            None => Ok(settings),
            Some(unknown) => {
                let known = environment::providers().collect::<Vec<_>>().join(", ");
                Err(format!("env_providers: `{unknown}` is none of {known}"))
            }
        }
    }
}

/// Whether containers get the SDKs' variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentMode {
    /// Those that a container does not set itself.
    Auto,
    /// All of them, whatever a container sets.
    Force,
    Off,
}

/// Whether the sidecar is an init container that goes on running (Kubernetes 1.29 and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Native {
    /// Where the cluster is new enough.
    Auto,
    Always,
    Never,
}

/// How the kubelet asks the sidecar whether it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probes {
    /// Over HTTP at the admin port.
    Http,
    /// By the sidecar's own `health` command, for meshes that let no plain HTTP through.
    Exec,
}
