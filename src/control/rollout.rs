//! Watches how a configuration does that was taken over, and goes back to the one before if it does worse (`rollout`).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::change::{Author, Control};
use crate::config::Rollout;
use crate::runtime::{Judge, Runtime, Snapshot, Worse};

/// While nothing is to be watched the configuration is looked at as often.
const IDLE: Duration = Duration::from_secs(1);
/// So many looks in a window, within bounds.
const LOOKS: u32 = 100;
const SHORTEST: Duration = Duration::from_millis(50);

/// What runs, and what would run again.
struct Watch {
    judge: Judge,
    running: Arc<Snapshot>,
    /// Stood its trial, or had none. The same as `running` outside of trials.
    accepted: Arc<Snapshot>,
    /// Of the store, when `accepted` was taken over.
    revision: Option<i64>,
}

/// Watches for ever.
pub async fn watch_rollouts(runtime: Arc<Runtime>, control: Option<Arc<Control>>) {
    let mut watch = Watch::new(&runtime);
    loop {
        let Some(settings) = runtime.snapshot().config.rollout else {
            tokio::time::sleep(IDLE).await;
            watch = Watch::new(&runtime);
            continue;
        };
        if let Some(worse) = watch.look(&runtime, &settings, Instant::now()) {
            go_back(&runtime, control.as_ref(), &watch, worse).await;
            watch = Watch::new(&runtime);
        }
        tokio::time::sleep((settings.window / LOOKS).clamp(SHORTEST, IDLE)).await;
    }
}

impl Watch {
    fn new(runtime: &Runtime) -> Self {
        let running = runtime.snapshot();
        Self { judge: Judge::default(), accepted: Arc::clone(&running), running, revision: runtime.status().store_revision }
    }

    fn look(&mut self, runtime: &Runtime, settings: &Rollout, now: Instant) -> Option<Worse> {
        let running = runtime.snapshot();
        if !Arc::ptr_eq(&running, &self.running) {
            self.judge.begin(settings, self.accepted.tally.counts(), now);
            self.running = running;
        }
        if !self.judge.is_trying() {
            self.judge.steady(settings, self.running.tally.counts(), now);
            return None;
        }
        let worse = self.judge.look(settings, self.running.tally.counts(), now);
        if !self.judge.is_trying() {
            self.accepted = Arc::clone(&self.running);
            self.revision = runtime.status().store_revision;
        }
        worse
    }
}

/// Notes it first, as everything that is done. That it cannot be noted leaves nobody with what fails: then the log alone tells.
async fn go_back(runtime: &Arc<Runtime>, control: Option<&Arc<Control>>, watch: &Watch, worse: Worse) {
    if let Some(control) = control {
        let control = Arc::clone(control);
        let rates = json!({
            "generation": runtime.status().generation, "error_rate_before": worse.before, "error_rate_after": worse.after,
        });
        let author = Author { name: "llm-sidecar".into(), ..Author::default() };
        let noted = tokio::task::spawn_blocking(move || control.note(&author, "config.rollback", "", &rates.to_string())).await;
        if !matches!(noted, Ok(Ok(()))) {
            tracing::warn!("a rollback could not be noted in the audit trail");
        }
    }
    let (runtime, judged, accepted) = (Arc::clone(runtime), Arc::clone(&watch.running), Arc::clone(&watch.accepted));
    let revision = watch.revision;
    // A reload that is under way is waited for.
    let _ = tokio::task::spawn_blocking(move || runtime.roll_back(&judged, &accepted, revision, worse)).await;
}
