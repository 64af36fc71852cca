//! The configuration: what is in effect, and what a change of the files would do.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::diff::diff;
use super::serve::Admin;
use crate::runtime::ReloadStatus;

/// `GET /api/v1/config`: all sources together, secrets masked.
pub(super) fn effective(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    call.only(&[])?;
    let snapshot = admin.runtime.snapshot();
    let shown = &snapshot.config.effective;
    let document: Value = serde_json::from_str(&shown.document).unwrap_or(Value::Null);
    Ok(answer::ok(&json!({"config": document, "declared_at": shown.places})))
}

/// `GET /api/v1/config/status`.
pub(super) fn status(admin: &Admin, status: &ReloadStatus) -> Value {
    let mut shown = serde_json::to_value(status).unwrap_or(Value::Null);
    shown["store"] = match &admin.control {
        None => json!({"type": "none", "reachable": null}),
        Some(control) => json!({"type": control.store.name(), "reachable": control.store.is_reachable()}),
    };
    shown
}

/// `POST /api/v1/config/validate`: whether the files as they are now would be taken over, and what would change. Blocks.
pub(super) fn validate(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    call.only(&[])?;
    let stored = admin.runtime.stored();
    Ok(match admin.runtime.look_ahead(&stored.document) {
        Err(failure) => answer::json(StatusCode::OK, &json!({"valid": false, "errors": failure.errors, "warnings": [], "diff": []})),
        Ok(config) => {
            let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
            let running = admin.runtime.snapshot();
            let diff = diff(&read(&running.config.effective.document), &read(&config.effective.document));
            answer::ok(&json!({"valid": true, "errors": [], "warnings": config.warnings, "diff": diff}))
        }
    })
}
