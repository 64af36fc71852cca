//! What the webhook is told on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::api::{Api, FOLDER};
use super::managed::Managed;

/// Of `llm-sidecar webhook`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the API server asks, over TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub(super) listen: SocketAddr,
    /// Health and metrics, without TLS: /livez, /readyz, /metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub(super) health_listen: SocketAddr,
    /// The certificate's chain, PEM; read again when it changes (within ten seconds, or at once on SIGHUP).
    #[arg(long, value_name = "FILE", default_value = "/etc/llm-sidecar-webhook/tls/tls.crt")]
    pub(super) tls_cert: PathBuf,
    /// The certificate's key, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", default_value = "/etc/llm-sidecar-webhook/tls/tls.key")]
    pub(super) tls_key: PathBuf,
    /// What pods get (YAML, as for `inject --settings`); read again when it changes. Without, the built-in settings.
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    /// Make the certificate, keep it in this Secret, which is there already, and renew it in time; instead of the two files.
    #[arg(long, value_name = "NAMESPACE/NAME", requires_all = ["host"], conflicts_with_all = ["tls_cert", "tls_key"])]
    certificate_secret: Option<SecretName>,
    #[command(flatten)]
    managing: Managing,
}

/// Of `llm-sidecar certify`.
#[derive(Debug, clap::Args)]
pub struct CertifyOptions {
    /// The Secret that holds the certificate; made if there is none.
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "host")]
    certificate_secret: SecretName,
    #[command(flatten)]
    managing: Managing,
}

#[derive(Debug, clap::Args)]
struct Managing {
    /// A name by which the API server asks for the webhook: SERVICE.NAMESPACE.svc. May be given several times.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// The MutatingWebhookConfiguration that is told of the certificate's authority.
    #[arg(long, value_name = "NAME")]
    webhook_configuration: Option<String>,
    /// How long a certificate lasts; it is renewed when a third of that is left.
    #[arg(long, value_name = "DAYS", default_value = "90", value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: u32,
    /// The API server; without, where a pod finds it.
    #[arg(long, value_name = "HOST:PORT")]
    api_server: Option<String>,
    /// The folder with the API server's `ca.crt` and a `token` for it.
    #[arg(long, value_name = "FOLDER", default_value = FOLDER)]
    service_account: PathBuf,
}

#[derive(Clone, Debug)]
struct SecretName {
    namespace: String,
    name: String,
}

impl std::str::FromStr for SecretName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let (namespace, name) = text.split_once('/').filter(|(n, m)| is_name(n) && is_name(m)).ok_or("NAMESPACE/NAME is expected")?;
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl Options {
    /// Where the webhook makes its certificate itself.
    pub(super) fn managed(&self) -> Result<Option<Managed>, String> {
        self.certificate_secret.as_ref().map(|secret| self.managing.managed(secret, false)).transpose()
    }
}

impl CertifyOptions {
    pub(super) fn managed(&self) -> Result<Managed, String> {
        self.managing.managed(&self.certificate_secret, true)
    }
}

impl Managing {
    fn managed(&self, secret: &SecretName, creates: bool) -> Result<Managed, String> {
        Ok(Managed {
            api: Api::new(self.api_server.as_deref(), self.service_account.clone())?,
            namespace: secret.namespace.clone(),
            secret: secret.name.clone(),
            creates,
            configuration: self.webhook_configuration.clone(),
            hosts: self.host.clone(),
            days: self.days,
        })
    }
}
