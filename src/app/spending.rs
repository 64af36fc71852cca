//! What budgets have spent, kept across restarts while the sidecar runs.

use std::sync::Arc;
use std::time::Duration;

use crate::runtime::{Keeper, Runtime, SpentFile, unix_now};
use crate::store::Store;

/// Between two writes: what a killed process forgets.
const INTERVAL: Duration = Duration::from_secs(2);

/// Where what was spent is kept: in the store, or else beside the file of records. `None` where there is neither.
pub(super) fn keeper(store: Option<&Arc<Store>>, runtime: &Runtime) -> Option<Arc<dyn Keeper>> {
    let file = || {
        let records = runtime.snapshot().config.usage_file.as_ref().map(|file| file.path.clone())?;
        Some(Arc::new(SpentFile::beside(&records)) as Arc<dyn Keeper>)
    };
    store.map(|store| Arc::new(Arc::clone(store)) as Arc<dyn Keeper>).or_else(file)
}

/// Tells the keeper once. May wait.
pub(super) fn keep(runtime: &Runtime, keeper: &dyn Keeper) -> bool {
    let kept = runtime.snapshot().keep_spent(keeper, unix_now());
    if let Err(error) = &kept {
        tracing::warn!(error, "what budgets have spent could not be kept; it is tried again");
    }
    kept.is_ok()
}

/// Tells it for ever, with longer pauses while that fails.
pub(super) async fn run(runtime: Arc<Runtime>, keeper: Arc<dyn Keeper>) {
    let mut pause = INTERVAL;
    loop {
        tokio::time::sleep(pause).await;
        let (runtime, keeper) = (Arc::clone(&runtime), Arc::clone(&keeper));
        let is_kept = tokio::task::spawn_blocking(move || keep(&runtime, &*keeper)).await.unwrap_or(false);
        pause = if is_kept { INTERVAL } else { 8 * INTERVAL };
    }
}
