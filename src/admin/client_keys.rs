//! Keys of clients: each is shown once, when it is issued; only its digest is kept.
#![expect(clippy::indexing_slicing, reason = "JSON: what is read and not there is null, and what is written to was made an object here")]

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::refused;
use super::resources::{author, control, declared_nowhere, missing, now};
use super::serve::Admin;
use crate::control::{NewKey, Plan, State};
use crate::store::{Change, Kind, Record};

/// Enough to change one for another without a gap.
const MOST: usize = 20;

/// `POST /api/v1/clients/{name}/keys`: a further key. Blocks.
pub(super) fn issue(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    let new = NewKey::make().map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error))?;
    let issued = now();
    change(admin, call, "client.key.issue", &new.id, |keys| {
        if keys.len() >= MOST {
            let detail = format!("a client has at most {MOST} keys; revoke one first");
            return Err(Problem::new(StatusCode::CONFLICT, "too_many_keys", detail));
        }
        keys.push(new.record(issued));
        Ok(())
    })?;
    Ok(answer::json(StatusCode::CREATED, &json!({"id": new.id, "created_at": issued, "key": new.key.expose()})))
}

/// `DELETE /api/v1/clients/{name}/keys/{id}`: it is refused from the next request on. Blocks.
pub(super) fn revoke(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    let id = call.names.get(1).map_or("", String::as_str);
    change(admin, call, "client.key.revoke", id, |keys| {
        let before = keys.len();
        keys.retain(|key| key.get("id").and_then(Value::as_str) != Some(id));
        if keys.len() == before { Err(Problem::missing("the client has no key of this id")) } else { Ok(()) }
    })?;
    Ok(answer::ok(&json!({"revoked": id})))
}

fn change(admin: &Admin, call: &Call, act: &str, id: &str, edit: impl Fn(&mut Vec<Value>) -> Result<(), Problem>) -> Result<(), Problem> {
    call.only(&[])?;
    let name = call.name();
    declared_nowhere(admin, Kind::Client, name)?;
    let control = control(admin)?;
    let plan = |state: &State| {
        let record: &Record = state.find(Kind::Client, name).ok_or_else(|| missing(Kind::Client, name))?;
        let mut body: Value = serde_json::from_str(&record.body).unwrap_or(Value::Null);
        let mut keys = body.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
        edit(&mut keys)?;
        body["keys"] = keys.into();
        Ok(Plan {
            changes: vec![Change::Put { kind: Kind::Client, name: name.to_owned(), body: body.to_string() }],
            rehearsal: Vec::new(),
            act: act.to_owned(),
            target: name.to_owned(),
            before: String::new(),
            after: json!({"key_id": id}).to_string(),
            outcome: (),
        })
    };
    control.change(&author(call), false, plan).map(drop).map_err(|refusal| refused::problem(refusal, Kind::Client, name))
}
