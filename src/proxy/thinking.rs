//! Signed thinking around a translated exchange: what the client has no place for is put back into its request, and looked for
//! in the answer.

use std::borrow::Cow;

use tokio::time::Instant;

use super::call::Call;
use super::ingress::caller_key;
use super::worker::Worker;
use crate::chat::{ApiError, Request};
use crate::runtime::{Provider, Target};
use crate::vault::{Pair, Watch};

/// The client's request with the thinking that this target gave with its calls.
pub(super) fn restored<'a>(worker: &Worker, call: &'a Call, target: &Target) -> Result<Cow<'a, Request>, ApiError> {
    let request = call.hub()?;
    if !target.dialect().signs_thinking() {
        return Ok(Cow::Borrowed(request));
    }
    let restored = worker.runtime.vault.restore(request, &pair(call, target), Instant::now());
    if matches!(restored, Cow::Owned(_)) {
        worker.runtime.metrics.signatures.restored.inc();
    }
    Ok(restored)
}

/// Looks for thinking in the target's answer; `None` where none will be signed.
pub(super) fn watch(worker: &Worker, call: &Call, target: &Target) -> Option<Watch> {
    let vault = &worker.runtime.vault;
    if !target.dialect().signs_thinking() || !vault.is_on() {
        return None;
    }
    Some(Watch::new(vault, pair(call, target), call.hub().ok()?))
}

fn pair(call: &Call, target: &Target) -> Pair {
    // A caller without a name is told apart by its key.
    let client = match &call.client {
        Some(name) => ["named", name],
        None => ["", caller_key(&call.headers).unwrap_or_default()],
    };
    let provider: &Provider = &target.provider;
    // One vendor's accounts verify each other's signatures; whether a vendor behind another address is the same is not known.
    let maker = [target.dialect_id().as_str(), &provider.vendor.id, provider.base_url(), &target.model];
    Pair::of(&client, &maker)
}
