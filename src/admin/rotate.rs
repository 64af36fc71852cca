//! Rotation of the keys that the store's secrets are sealed with.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer, Problem};
use super::call::Call;
use super::refused;
use super::resources::{author, control};
use super::serve::Admin;
use crate::control::{Plan, SealProblem, State, seal_anew};
use crate::seal::Sealer;
use crate::store::{Change, Kind};

/// `POST /api/v1/llm/secrets/rotate`: seals every secret of the store with a new data key, which the key of `secrets.kek` wraps; all of
/// them, or none if one does not open. Blocks.
pub(super) fn run(admin: &Admin, call: &Call) -> Result<Answer, Problem> {
    call.only(&["dry_run"])?;
    let dry = call.flag("dry_run")?;
    let control = control(admin)?;
    let plan = |state: &State| {
        let sealer = control.sealer().map_err(|error| refused::seal(SealProblem::Failed("secrets".to_owned(), error)))?;
        plan(&sealer.ok_or_else(|| refused::seal(SealProblem::NoKey("secrets".to_owned())))?, state)
    };
    // Whatever is wrong with the result is wrong with no record in particular.
    let done = control.change(&author(call), dry, plan).map_err(|refusal| refused::problem(refusal, Kind::Provider, ""))?;
    let mut outcome = done.outcome;
    outcome.extend([("dry_run".to_owned(), dry.into())]);
    Ok(answer::ok(&Value::Object(outcome)))
}

fn plan(sealer: &Sealer, state: &State) -> Result<Plan<serde_json::Map<String, Value>>, Problem> {
    let (mut changes, mut records, mut secrets) = (Vec::new(), Vec::new(), 0);
    for record in &state.records {
        let mut body: Value = serde_json::from_str(&record.body).unwrap_or(Value::Null);
        let Some(config) = body.get_mut("config").and_then(Value::as_object_mut) else { continue };
        let name = format!("{}/{}", record.kind.section(), record.name);
        let count = seal_anew(record.kind, &record.name, config, sealer).map_err(|(field, error)| {
            let detail = format!("the secret of {name} is not sealed anew, and so none is: {error}");
            Problem::new(StatusCode::CONFLICT, "sealing_failed", detail).at(field)
        })?;
        if count > 0 {
            secrets += count;
            records.push(Value::from(name));
            changes.push(Change::Put { kind: record.kind, name: record.name.clone(), body: body.to_string() });
        }
    }
    let outcome = [("key_id", sealer.key_id().into()), ("secrets", secrets.into()), ("records", records.into())];
    let outcome: serde_json::Map<String, Value> = outcome.into_iter().map(|(key, value): (&str, Value)| (key.to_owned(), value)).collect();
    Ok(Plan {
        changes,
        rehearsal: Vec::new(),
        act: "secrets.rotate".to_owned(),
        target: String::new(),
        before: String::new(),
        after: json!(outcome).to_string(),
        outcome,
    })
}
