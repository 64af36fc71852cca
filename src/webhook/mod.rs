//! Floor 9: the mutating admission webhook of Kubernetes, a service of its own. The API server asks it over TLS about each new pod
//! that wants the sidecar; [`crate::inject`] decides. Certificate and settings are read anew when their files change.

mod files;
mod metrics;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use files::Files;
use metrics::Metrics;

/// How often the files are looked at. The kubelet takes up to two minutes to write them anyway.
const LOOK: Duration = Duration::from_secs(10);
/// How long reviews under way have when the webhook stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What the webhook is told on the command line.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the API server asks, over TLS.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Health and metrics, without TLS: /livez, /readyz, /metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    health_listen: SocketAddr,
    /// The certificate's chain, PEM; read again when it changes (within ten seconds, or at once on SIGHUP).
    #[arg(long, value_name = "FILE", default_value = "/etc/llm-sidecar-webhook/tls/tls.crt")]
    tls_cert: PathBuf,
    /// The certificate's key, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", default_value = "/etc/llm-sidecar-webhook/tls/tls.key")]
    tls_key: PathBuf,
    /// What pods get (YAML, as for `inject --settings`); read again when it changes. Without, the built-in settings.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

/// Serves until it is told to stop.
///
/// # Errors
/// If a file cannot be used, or an address cannot be listened on.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let files = Files::new(options.tls_cert.clone(), options.tls_key.clone(), options.settings.clone());
        let metrics = Metrics::default();
        let state = Arc::new(serve::State::new(files.read().map_err(anyhow::Error::msg)?, metrics));
        let tls = listen(options.listen).await?;
        let plain = listen(options.health_listen).await?;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let reviews = tokio::spawn(serve::reviews(tls, Arc::clone(&state)));
        tokio::spawn(serve::health(plain, Arc::clone(&state)));
        let mut hangup = signal(SignalKind::hangup())?;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => state.take(files.changed()),
                _ = look.tick() => state.take(files.changed()),
            }
        }
        tracing::info!("stopping");
        reviews.abort();
        state.drained(DRAIN).await;
        Ok(())
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is something else using it?"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}
