//! The task that keeps a self-made certificate good for as long as the webhook runs.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::managed::Managed;
use super::serve::State;

/// Between two looks, and after a look that failed. A certificate is renewed many days before its end, so there is no hurry but at
/// the start.
const LOOK: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(2);
/// For the API server's own replicas to hear of a new authority, before a certificate of it is presented to them.
const SPREAD: Duration = Duration::from_secs(5);

/// Looks after the certificate for ever.
pub(super) async fn keep(managed: Managed, state: Arc<State>) {
    let mut knows_version = false;
    loop {
        if !knows_version {
            match managed.has_native_sidecars().await {
                Ok(has) => {
                    state.set_native_sidecars(has);
                    knows_version = true;
                }
                Err(error) => tracing::warn!(%error, "the cluster's version is not known"),
            }
        }
        let wait = match managed.turn(SystemTime::now()).await {
            Ok(turn) => {
                if turn.newly_trusted && state.has_certificate() {
                    tokio::time::sleep(SPREAD).await;
                }
                match turn.certificate.served() {
                    Ok(served) => state.set_certificate(served),
                    Err(error) => tracing::error!(error, "the certificate cannot be used"),
                }
                state.set_managed(true);
                if knows_version { LOOK } else { AGAIN }
            }
            Err(error) => {
                tracing::error!(error, "the certificate cannot be looked after");
                state.set_managed(false);
                if state.has_certificate() { LOOK } else { AGAIN }
            }
        };
        // SIGHUP asks for a look at once.
        let _ = timeout(wait, state.look_now.notified()).await;
    }
}
