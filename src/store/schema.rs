//! The tables, and how older ones become them.

use super::sql::{Sql, StoreError, Value, column};

/// Each step leads from the version of its index to the next one. What has once been released is never changed, only added to.
const STEPS: &[&str] = &[
    "
    CREATE TABLE llm_sidecar_records (
        kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
        version BIGINT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL,
        PRIMARY KEY (kind, name));
    CREATE TABLE llm_sidecar_observations (
        kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, seen BIGINT NOT NULL,
        PRIMARY KEY (kind, name));
    CREATE TABLE llm_sidecar_audit (
        seq BIGINT PRIMARY KEY, happened BIGINT NOT NULL, actor TEXT NOT NULL, address TEXT NOT NULL, request TEXT NOT NULL,
        act TEXT NOT NULL, target TEXT NOT NULL, old_value TEXT NOT NULL, new_value TEXT NOT NULL, hash TEXT NOT NULL);
    ",
    "
    CREATE TABLE llm_sidecar_usage (
        day TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL, currency TEXT NOT NULL,
        requests BIGINT NOT NULL, failed BIGINT NOT NULL, unknown_costs BIGINT NOT NULL,
        prompt BIGINT NOT NULL, completion BIGINT NOT NULL, cached BIGINT NOT NULL, cache_write BIGINT NOT NULL,
        reasoning BIGINT NOT NULL, cost BIGINT NOT NULL,
        PRIMARY KEY (day, provider, model, client, currency));
    CREATE TABLE llm_sidecar_budgets (
        name TEXT NOT NULL, currency TEXT NOT NULL, ends BIGINT NOT NULL, spent BIGINT NOT NULL,
        PRIMARY KEY (name, currency, ends));
    ",
];

const META: &str = "CREATE TABLE IF NOT EXISTS llm_sidecar_meta (name TEXT PRIMARY KEY, value BIGINT NOT NULL)";

/// Brings the tables to this version's form.
pub(super) fn migrate(sql: &mut dyn Sql) -> Result<(), StoreError> {
    if let Err(error) = sql.batch(META) {
        // Two replicas that create the same table at once: one of them is refused although it asked politely.
        sql.query("SELECT value FROM llm_sidecar_meta WHERE name = $1", &["schema".into()]).map_err(|_| error)?;
    }
    sql.begin()?;
    match steps(sql) {
        Ok(()) => sql.batch("COMMIT"),
        Err(error) => {
            let _ = sql.batch("ROLLBACK");
            Err(error)
        }
    }
}

fn steps(sql: &mut dyn Sql) -> Result<(), StoreError> {
    let found = sql.query("SELECT value FROM llm_sidecar_meta WHERE name = $1", &["schema".into()])?;
    let version = match found.first() {
        Some(row) => column(row, 0)?.integer()?,
        None => {
            for name in ["schema", "revision"] {
                sql.execute("INSERT INTO llm_sidecar_meta (name, value) VALUES ($1, $2)", &[name.into(), Value::Integer(0)])?;
            }
            0
        }
    };
    let done = usize::try_from(version).map_err(|_| StoreError::Corrupt("the schema's version is no version".into()))?;
    if done > STEPS.len() {
        return Err(StoreError::Corrupt(format!("the schema is of version {done}, which a later version of llm-sidecar has made")));
    }
    for step in STEPS.iter().skip(done) {
        sql.batch(step)?;
    }
    let now = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    sql.execute("UPDATE llm_sidecar_meta SET value = $1 WHERE name = $2", &[now.into(), "schema".into()]).map(drop)
}
