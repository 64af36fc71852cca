//! What was seen of providers: the results of tests and their vendors' lists of models.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use serde_json::Value;

use super::answer::Problem;
use super::refused;
use super::serve::Admin;
use crate::store::Kind;

/// The results of tests.
pub(super) const TEST: &str = "test";
/// Lists of models.
pub(super) const MODELS: &str = "models";

/// Adds what was last seen to the status of each provider.
pub(super) fn beside(admin: &Admin, kind: Kind, mut shown: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, Problem> {
    let Some(control) = admin.control.as_ref().filter(|_| kind == Kind::Provider) else { return Ok(shown) };
    for what in [TEST, MODELS] {
        let seen = control.store.observations(what).map_err(|error| refused::store(&error))?;
        for (name, body) in &mut shown {
            let found = seen.iter().find(|seen| seen.name == *name);
            body["status"][what] = found.and_then(|seen| serde_json::from_str(&seen.body).ok()).unwrap_or(Value::Null);
        }
    }
    Ok(shown)
}
