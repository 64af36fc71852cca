//! The store: reads and writes in transactions, on a connection that is made anew when it has broken.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::audit::{BEGINNING, Entry, Note};
use super::postgres::{Place, Postgres};
use super::record::{Kind, Observation, Record};
use super::schema;
use super::sql::{Sql, StoreError, Value, column};
use super::sqlite::Sqlite;
use crate::config;

/// Where the records are kept.
pub struct Store {
    source: Source,
    connection: Mutex<Option<Box<dyn Sql>>>,
    reachable: AtomicBool,
}

pub(super) enum Source {
    Sqlite(std::path::PathBuf),
    Postgres(Box<Place>),
}

/// What is done to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put { kind: Kind, name: String, body: String },
    Delete { kind: Kind, name: String },
}

/// A change that has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of the store, and so the version of what was changed.
    pub revision: i64,
    /// The audit entry's number.
    pub audit: i64,
}

impl Store {
    /// Nothing is opened yet. `None` where the configuration wants no store.
    ///
    /// # Errors
    /// If the settings cannot be right.
    pub fn new(settings: &config::Store) -> Result<Option<Self>, String> {
        let source = match settings {
            config::Store::None => return Ok(None),
            config::Store::Sqlite { path } => Source::Sqlite(path.clone()),
            config::Store::Postgres { url, ca_pem } => Source::Postgres(Box::new(Place::new(url, ca_pem.as_deref())?)),
        };
        Ok(Some(Self { source, connection: Mutex::new(None), reachable: AtomicBool::new(false) }))
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// `sqlite` or `postgres`.
    pub fn name(&self) -> &'static str {
        match self.source {
            Source::Sqlite(_) => "sqlite",
            Source::Postgres(_) => "postgres",
        }
    }

    /// Whether the last thing that was asked of it was answered.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    fn connect(&self) -> Result<Box<dyn Sql>, StoreError> {
        let mut sql: Box<dyn Sql> = match &self.source {
            Source::Sqlite(path) => Box::new(Sqlite::open(path)?),
            Source::Postgres(place) => Box::new(Postgres(place.connect()?)),
        };
        schema::migrate(&mut *sql)?;
        Ok(sql)
    }

    /// Runs `work` on the connection. One that was found broken before anything was done on it is made anew once.
    pub(super) fn with<T>(&self, work: impl Fn(&mut dyn Sql) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut held = self.connection.lock();
        if let Some(sql) = held.as_mut()
            && sql.batch("SELECT 1").is_err()
        {
            *held = None;
        }
        let answer = match held.as_mut() {
            Some(sql) => work(&mut **sql),
            None => self.connect().and_then(|sql| work(&mut **held.insert(sql))),
        };
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            *held = None;
        }
        self.reachable.store(!matches!(answer, Err(StoreError::Unavailable(_))), Ordering::Relaxed);
        answer
    }

    pub(super) fn transaction<T>(&self, work: impl Fn(&mut dyn Sql) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|sql| {
            sql.begin()?;
            match work(sql).and_then(|done| sql.batch("COMMIT").map(|()| done)) {
                Ok(done) => Ok(done),
                Err(error) => {
                    let _ = sql.batch("ROLLBACK");
                    Err(error)
                }
            }
        })
    }

    /// Everything, and the revision it is of.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn records(&self) -> Result<(i64, Vec<Record>), StoreError> {
        let sql = format!("SELECT {} FROM llm_sidecar_records ORDER BY kind, name", Record::COLUMNS);
        // The revision is looked at on both sides: what lies between two equal ones is of that one.
        self.with(|connection| {
            loop {
                let before = revision(connection)?;
                let rows = connection.query(&sql, &[])?;
                if revision(connection)? == before {
                    return Ok((before, rows.iter().map(Record::read).collect::<Result<_, _>>()?));
                }
            }
        })
    }

    /// Makes changes and notes them, all or nothing, if the store is still at the revision `since`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is not; or if the store cannot be reached.
    pub fn write(&self, since: i64, changes: &[Change], note: &Note) -> Result<Written, StoreError> {
        let now = now();
        self.transaction(|sql| {
            if revision(sql)? != since {
                return Err(StoreError::Conflict);
            }
            let audit = append(sql, note, now)?;
            let revision = since + 1;
            for change in changes {
                apply(sql, change, revision, now)?;
            }
            sql.execute("UPDATE llm_sidecar_meta SET value = $1 WHERE name = $2", &[revision.into(), "revision".into()])?;
            sql.tell(revision)?;
            Ok(Written { revision, audit })
        })
    }

    /// Notes what is about to be done elsewhere. Returns the entry's number.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub fn note(&self, note: &Note) -> Result<i64, StoreError> {
        let now = now();
        self.transaction(|sql| append(sql, note, now))
    }

    /// At most `limit` entries after the one numbered `after`, the oldest first.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn audit(&self, after: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let sql = format!("SELECT {} FROM llm_sidecar_audit WHERE seq > $1 ORDER BY seq LIMIT $2", Entry::COLUMNS);
        self.with(|connection| connection.query(&sql, &[after.into(), limit.into()])?.iter().map(Entry::read).collect())
    }

    /// At most `limit` entries before the one numbered `before`, the newest first.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn audit_back(&self, before: i64, limit: i64) -> Result<Vec<Entry>, StoreError> {
        let sql = format!("SELECT {} FROM llm_sidecar_audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2", Entry::COLUMNS);
        self.with(|connection| connection.query(&sql, &[before.into(), limit.into()])?.iter().map(Entry::read).collect())
    }

    /// Remembers what was seen of something; what was seen before is forgotten.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub fn observe(&self, kind: &str, name: &str, body: &str) -> Result<(), StoreError> {
        let now = now();
        self.transaction(|sql| {
            sql.execute("DELETE FROM llm_sidecar_observations WHERE kind = $1 AND name = $2", &[kind.into(), name.into()])?;
            sql.execute(
                "INSERT INTO llm_sidecar_observations (kind, name, body, seen) VALUES ($1, $2, $3, $4)",
                &[kind.into(), name.into(), body.into(), now.into()],
            )
            .map(drop)
        })
    }

    /// What was seen last, of everything of a kind.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn observations(&self, kind: &str) -> Result<Vec<Observation>, StoreError> {
        let rows = self
            .with(|sql| sql.query("SELECT name, body, seen FROM llm_sidecar_observations WHERE kind = $1 ORDER BY name", &[kind.into()]))?;
        let read = |row: &super::sql::Row| {
            Ok(Observation { name: column(row, 0)?.text()?, body: column(row, 1)?.text()?, seen: column(row, 2)?.integer()? })
        };
        rows.iter().map(read).collect()
    }

    /// Ends the connection, so that nothing but this store has to be dropped on a thread that may wait.
    pub fn close(&self) {
        *self.connection.lock() = None;
    }
}

fn revision(sql: &mut dyn Sql) -> Result<i64, StoreError> {
    let rows = sql.query("SELECT value FROM llm_sidecar_meta WHERE name = $1", &["revision".into()])?;
    column(rows.first().ok_or_else(|| StoreError::Corrupt("there is no revision".into()))?, 0)?.integer()
}

fn append(sql: &mut dyn Sql, note: &Note, now: i64) -> Result<i64, StoreError> {
    let last = sql.query("SELECT seq, hash FROM llm_sidecar_audit ORDER BY seq DESC LIMIT 1", &[])?;
    let (seq, previous) = match last.first() {
        Some(row) => (column(row, 0)?.integer()?, column(row, 1)?.text()?),
        None => (0, BEGINNING.to_owned()),
    };
    let entry = Entry::new(note, seq + 1, now, &previous);
    let texts = [entry.actor, entry.address, entry.request_id, entry.action, entry.target, entry.before, entry.after, entry.hash];
    let values: Vec<Value> = [Value::Integer(entry.seq), Value::Integer(entry.at)].into_iter().chain(texts.map(Value::Text)).collect();
    sql.execute(
        "INSERT INTO llm_sidecar_audit (seq, happened, actor, address, request, act, target, old_value, new_value, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &values,
    )?;
    Ok(entry.seq)
}

fn apply(sql: &mut dyn Sql, change: &Change, revision: i64, now: i64) -> Result<(), StoreError> {
    match change {
        Change::Delete { kind, name } => sql
            .execute("DELETE FROM llm_sidecar_records WHERE kind = $1 AND name = $2", &[kind.as_str().into(), name.as_str().into()])
            .map(drop),
        Change::Put { kind, name, body } => {
            let (kind, name, body): (Value, Value, Value) = (kind.as_str().into(), name.as_str().into(), body.as_str().into());
            let changed = sql.execute(
                "UPDATE llm_sidecar_records SET body = $1, version = $2, updated = $3 WHERE kind = $4 AND name = $5",
                &[body.clone(), revision.into(), now.into(), kind.clone(), name.clone()],
            )?;
            if changed == 0 {
                sql.execute(
                    "INSERT INTO llm_sidecar_records (kind, name, body, version, created, updated) VALUES ($1, $2, $3, $4, $5, $6)",
                    &[kind, name, body, revision.into(), now.into(), now.into()],
                )?;
            }
            Ok(())
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
