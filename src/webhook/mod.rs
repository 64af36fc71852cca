//! Floor 9: the mutating admission webhook of Kubernetes, a service of its own. The API server asks it over TLS about each new pod
//! that wants the sidecar; [`crate::inject`] decides. Its settings, and its certificate where that is a file, are read anew when the
//! files change; else it makes the certificate itself and keeps it in a Secret.

mod api;
mod certificate;
mod files;
mod keep;
mod managed;
mod metrics;
mod options;
mod serve;
mod served;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use files::Files;
use metrics::Metrics;
pub use options::{CertifyOptions, Options};

/// How often the files are looked at. The kubelet takes up to two minutes to write them anyway.
const LOOK: Duration = Duration::from_secs(10);
/// How long reviews under way have when the webhook stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until it is told to stop.
///
/// # Errors
/// If a file cannot be used, or an address cannot be listened on.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let managed = options.managed().map_err(anyhow::Error::msg)?;
        let certificate = managed.is_none().then(|| (options.tls_cert.clone(), options.tls_key.clone()));
        let files = Files::new(certificate, options.settings.clone());
        let metrics = Metrics::default();
        let state = Arc::new(serve::State::new(files.read().map_err(anyhow::Error::msg)?, metrics));
        // Before it says that it listens: whoever waits for that may send a signal at once, which would end the process.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hangup = signal(SignalKind::hangup())?;
        let tls = listen(options.listen).await?;
        let plain = listen(options.health_listen).await?;
        let reviews = tokio::spawn(serve::reviews(tls, Arc::clone(&state)));
        tokio::spawn(serve::health(plain, Arc::clone(&state)));
        if let Some(managed) = managed {
            tokio::spawn(keep::keep(managed, Arc::clone(&state)));
        }
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => {
                    state.take(files.changed());
                    state.look_now.notify_one();
                }
                _ = look.tick() => state.take(files.changed()),
            }
        }
        tracing::info!("stopping");
        reviews.abort();
        state.drained(DRAIN).await;
        Ok(())
    })
}

/// Makes the certificate, or renews it where it is too old, and ends: for a Job.
///
/// # Errors
/// Says what the API server did not give or take.
pub fn certify(options: &CertifyOptions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let managed = options.managed().map_err(anyhow::Error::msg)?;
    runtime.block_on(managed.turn(SystemTime::now())).map_err(anyhow::Error::msg)?;
    Ok(())
}

async fn listen(address: SocketAddr) -> anyhow::Result<tokio::net::TcpListener> {
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is something else using it?"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    Ok(listener)
}
