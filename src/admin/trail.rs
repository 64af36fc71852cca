//! The audit trail: shown, and written to before something is done that no record of the store shows.

use std::net::IpAddr;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::auth::Caller;
use super::call::Call;
use super::resources::{author, blocking, control};
use super::serve::Admin;
use super::{refused, view};
use crate::control::Author;

/// Notes what is about to be done. What cannot be noted is not done; without a store it goes to the log alone.
pub(super) async fn note(admin: &Admin, call: &Call, act: &'static str, target: String, after: Value) -> Result<(), Problem> {
    tracing::info!(who = call.who(), address = %call.address, request_id = call.request_id, act, target, "admin");
    let Some(control) = admin.control.clone() else { return Ok(()) };
    let author = author(call);
    blocking(move || control.note(&author, act, &target, &after.to_string()).map_err(|error| refused::store(&error))).await
}

/// Notes that something was refused to somebody who is known. That it cannot be noted refuses nothing more.
pub(super) async fn refused(admin: &Admin, caller: &Caller, address: IpAddr, request_id: &str, problem: &Problem) {
    tracing::warn!(who = caller.name, %address, request_id, code = problem.code, param = problem.param, "admin: refused");
    let Some(control) = admin.control.clone() else { return };
    let author = Author { name: caller.name.clone(), address: address.to_string(), request_id: request_id.to_owned() };
    let after = json!({"code": problem.code, "param": problem.param, "status": problem.status.as_u16()}).to_string();
    let noted = tokio::task::spawn_blocking(move || control.note(&author, "refused", "", &after)).await;
    if !matches!(noted, Ok(Ok(()))) {
        tracing::warn!(request_id, "a refusal could not be noted in the audit trail");
    }
}

/// `GET /api/v1/audit`: the newest first; `before` goes on from there. As JSON lines, the oldest first, if that is asked for. Blocks.
pub(super) fn list(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    call.only(&["limit", "before", "after", "format"])?;
    let number = |key: &'static str| -> Result<Option<i64>, Problem> {
        let wrong = || Problem::bad("invalid_value", key, "the number of an entry is needed");
        call.query(key).map(|text| text.parse::<i64>().ok().filter(|number| *number >= 0).ok_or_else(wrong)).transpose()
    };
    let limit = i64::try_from(view::limit(call, 100, 1000)?).unwrap_or(100);
    let (before, after) = (number("before")?, number("after")?);
    let store = &control(admin)?.store;
    let failed = |error| refused::store(&error);
    match call.query("format") {
        Some("jsonl") => {
            let entries = store.audit(after.unwrap_or(0), limit).map_err(failed)?;
            let lines: String = entries.iter().filter_map(|entry| serde_json::to_string(entry).ok()).map(|line| line + "\n").collect();
            Ok(answer::text("application/jsonl", lines))
        }
        None | Some("json") => {
            let entries = match after {
                Some(after) => store.audit(after, limit).map_err(failed)?,
                None => store.audit_back(before.unwrap_or(i64::MAX), limit).map_err(failed)?,
            };
            let next = entries.last().filter(|entry| entry.seq > 1 && after.is_none()).map(|entry| entry.seq);
            Ok(answer::json(StatusCode::OK, &json!({"data": entries, "next_before": next})))
        }
        Some(_) => Err(Problem::bad("invalid_value", "format", "`format` is `json` or `jsonl`")),
    }
}
