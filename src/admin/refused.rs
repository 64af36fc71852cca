//! Why the control plane refused something, as a problem with the field that is wrong.

use http::StatusCode;

use super::answer::Problem;
use crate::config::{STORE, Severity};
use crate::control::{Refusal, SealProblem};
use crate::runtime::LoadFailure;
use crate::store::{Kind, StoreError};

/// `kind` and `name` are what the change was about.
pub(super) fn problem(refusal: Refusal<Problem>, kind: Kind, name: &str) -> Problem {
    match refusal {
        Refusal::Plan(problem) => problem,
        Refusal::Store(error) => store(&error),
        Refusal::Invalid(failure) => invalid(&failure, kind, name),
    }
}

pub(super) fn store(error: &StoreError) -> Problem {
    match error {
        StoreError::Unavailable(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.to_string()),
        StoreError::Conflict => Problem::new(StatusCode::CONFLICT, "config_changed", error.to_string()),
        StoreError::Corrupt(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_damaged", error.to_string()),
    }
}

pub(super) fn seal(problem: SealProblem) -> Problem {
    let unprocessable = |code, field: String, detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).at(field);
    match problem {
        SealProblem::NoKey(field) => {
            let detail = "secrets are not stored as plain text: name a key in `secrets: {kek: ...}` of the configuration file first";
            unprocessable("no_encryption_key", field, detail)
        }
        SealProblem::NothingThere(field) => {
            unprocessable("invalid_value", field, "`***` keeps the secret that is there, and there is none")
        }
        SealProblem::NoText(field) => Problem::bad("invalid_type", field, "a secret has to be a text"),
        SealProblem::Failed(field, error) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "sealing_failed", error).at(field),
    }
}

fn invalid(failure: &LoadFailure, kind: Kind, name: &str) -> Problem {
    let errors = || failure.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let own = format!("{}.{name}", kind.section());
    for error in errors() {
        let field = match error.path.strip_prefix(&own) {
            Some(rest) if rest.is_empty() || rest.starts_with(['.', '[']) => rest.trim_start_matches('.'),
            // Clients and rates are lists: only the store's place tells that it is one of ours.
            _ if matches!(kind, Kind::Client | Kind::ExchangeRate)
                && error.file.as_os_str() == STORE
                && error.path.strip_prefix(kind.section()).is_some_and(|rest| rest.starts_with('[')) =>
            {
                error.path.split_once("].").map_or("", |(_, rest)| rest)
            }
            _ => continue,
        };
        let field = match field {
            "" => "config".to_owned(),
            "type" => "provider_type".to_owned(),
            field => format!("config.{field}"),
        };
        let detail = error.hint.as_ref().map_or_else(|| error.message.clone(), |hint| format!("{} ({hint})", error.message));
        return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_config", detail).at(field);
    }
    let elsewhere = errors().next().map(|error| format!("{}: {}", error.path, error.message));
    let detail = elsewhere.or_else(|| failure.errors.first().cloned()).unwrap_or_default();
    let is_ours = errors().any(|error| error.file.as_os_str() == STORE) || failure.diagnostics.is_empty();
    let hint = if is_ours { "it would leave the configuration wrong elsewhere" } else { "the configuration's files do not go with it" };
    Problem::new(StatusCode::CONFLICT, "in_use", format!("{hint}: {detail}"))
}
