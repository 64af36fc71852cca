//! What both databases have in common.

/// A value of a parameter or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Integer(i64),
}

impl Value {
    pub(super) fn text(&self) -> Result<String, StoreError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Null => Ok(String::new()),
            Self::Integer(_) => Err(StoreError::Corrupt("a number where a text belongs".into())),
        }
    }

    pub(super) fn integer(&self) -> Result<i64, StoreError> {
        match self {
            Self::Integer(number) => Ok(*number),
            _ => Err(StoreError::Corrupt("a text where a number belongs".into())),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Columns of a row.
pub(super) type Row = Vec<Value>;

/// The column at an index, as an error if the row is shorter.
pub(super) fn column(row: &Row, index: usize) -> Result<&Value, StoreError> {
    row.get(index).ok_or_else(|| StoreError::Corrupt("a column is missing".into()))
}

/// A connection to a database. Parameters are `$1`, `$2`, ... and appear in this order.
pub(super) trait Sql: Send {
    /// Several statements without parameters.
    fn batch(&mut self, sql: &str) -> Result<(), StoreError>;
    fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, StoreError>;
    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, StoreError>;
    /// Begins a transaction that no other one writes beside.
    fn begin(&mut self) -> Result<(), StoreError>;
    /// Told inside a transaction: whoever waits for changes hears of it when the transaction has succeeded.
    fn tell(&mut self, revision: i64) -> Result<(), StoreError>;
}

/// Why the store did not do what it was asked for. Holds no values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// Somebody else has changed something since.
    #[error("the store was changed meanwhile")]
    Conflict,
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}
