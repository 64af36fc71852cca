//! SQLite, inside this process.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::sql::{Row, Sql, StoreError, Value};

/// How long another process, such as `audit verify`, may hold the file.
const BUSY: Duration = Duration::from_secs(5);

pub(super) struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file, or makes it, readable for this user alone.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        private(path).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?;
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // Nothing that was confirmed is lost, not even when the machine loses its power.
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
            .map_err(failed)?;
        Ok(Self(connection))
    }
}

/// The journal's files get the mode of the main one.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(number) => ValueRef::Integer(*number),
        }))
    }
}

impl Sql for Sqlite {
    fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        self.0.execute_batch(sql).map_err(failed)
    }

    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        statement.execute(params_from_iter(parameters)).map(|count| count as u64).map_err(failed)
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let columns = statement.column_count();
        let rows =
            statement.query_map(params_from_iter(parameters), |row| (0..columns).map(|index| row.get_ref(index).map(value)).collect());
        let rows: Vec<Result<Row, StoreError>> = rows.map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
        rows.into_iter().collect()
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.batch("BEGIN IMMEDIATE")
    }

    fn tell(&mut self, _revision: i64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn value(column: ValueRef<'_>) -> Result<Value, StoreError> {
    match column {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Integer(number)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(Value::from).map_err(|_| StoreError::Corrupt("a text that is not UTF-8".into()))
        }
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(StoreError::Corrupt("a column of a foreign type".into())),
    }
}
