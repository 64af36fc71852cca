//! Tokens of an identity at a cloud: one for the whole process, fetched when it is first needed and again ahead of its end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::ClientTls;
use crate::upstream::fetch;
use crate::vendor::auth::{AuthError, Cached, Grant, Granted, Look, Source};

/// A fetch takes no longer, all its steps together.
const FETCH_LIMIT: Duration = Duration::from_secs(15);

/// The token of one identity.
pub struct Tokens {
    source: Box<dyn Source>,
    trust: ClientTls,
    /// Whose it is, for the log.
    provider: String,
    cached: Mutex<Cached>,
    /// Tells those who wait that a fetch has ended.
    ended: watch::Sender<()>,
}

impl Tokens {
    /// `trust` says which certificates token servers may have.
    pub(super) fn new(source: Box<dyn Source>, trust: ClientTls, provider: &str) -> Self {
        Self { source, trust, provider: provider.to_owned(), cached: Mutex::default(), ended: watch::Sender::new(()) }
    }

    /// The token to use now. It is waited for only where there is none that is still good.
    pub async fn get(self: &Arc<Self>) -> Result<Arc<Grant>, AuthError> {
        if let Look::Use(grant) = self.look() {
            return Ok(grant);
        }
        // Before looking, so that no end is missed.
        let mut ended = self.ended.subscribe();
        loop {
            match self.look() {
                Look::Use(grant) => return Ok(grant),
                Look::Failed(error) => return Err(error),
                // The sender lives as long as `self`.
                Look::Wait => _ = ended.changed().await,
            }
        }
    }

    /// The vendor has refused this token. Says whether to try again with another one.
    pub fn refused(&self, grant: &Arc<Grant>) -> bool {
        self.cached.lock().refused(grant)
    }

    /// The token in use, to take it out of texts.
    pub fn held(&self) -> Option<Arc<Grant>> {
        self.cached.lock().grant().cloned()
    }

    fn look(self: &Arc<Self>) -> Look {
        let (look, begin) = self.cached.lock().look(Instant::now());
        if begin {
            // On its own: it goes on when the request that began it is cancelled.
            let fetching = Fetching { tokens: Arc::clone(self), has_ended: false };
            tokio::spawn(fetching.run());
        }
        look
    }

    fn fetched(&self, result: Result<Granted, AuthError>) {
        let provider = self.provider.as_str();
        let failed = result.as_ref().err().cloned();
        let again = self.cached.lock().fetched(Instant::now(), result);
        match (failed, again) {
            (None, None) => tracing::debug!(provider, "a token was fetched"),
            (error, again) => {
                let retry_ms = again.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
                let error = error.map(|error| error.to_string());
                tracing::warn!(provider, error, retry_ms, "no token could be fetched");
            }
        }
        self.ended.send_replace(());
    }
}

/// A fetch under way. Wherever it ends, those who wait are told.
struct Fetching {
    tokens: Arc<Tokens>,
    has_ended: bool,
}

impl Fetching {
    async fn run(mut self) {
        let fetching = fetch(&*self.tokens.source, &self.tokens.trust);
        let result = match tokio::time::timeout(FETCH_LIMIT, fetching).await {
            Ok(result) => result,
            Err(_) => Err(AuthError::new("the token endpoint did not answer in time")),
        };
        self.has_ended = true;
        self.tokens.fetched(result);
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tokens.fetched(Err(AuthError::new("the fetch was given up")));
        }
    }
}

#[cfg(test)]
mod tests;
