//! What the store keeps.

use super::sql::{Row, StoreError, column};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Provider,
    Model,
    Client,
    Price,
    ExchangeRate,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Provider, Self::Model, Self::Client, Self::Price, Self::ExchangeRate];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Client => "client",
            Self::Price => "price",
            Self::ExchangeRate => "exchange_rate",
        }
    }

    /// The section of the configuration it belongs to, with dots between the keys that lead there.
    pub fn section(self) -> &'static str {
        match self {
            Self::Provider => "providers",
            Self::Model => "models",
            Self::Client => "clients",
            Self::Price => "prices.overrides",
            Self::ExchangeRate => "prices.exchange",
        }
    }

    pub(super) fn find(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| StoreError::Corrupt(format!("records of the unknown kind `{name}`")))
    }
}

/// Something that was made through the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: Kind,
    pub name: String,
    /// JSON. What is secret in it is sealed.
    pub body: String,
    /// The revision that changed it last.
    pub version: i64,
    /// Unix milliseconds.
    pub created: i64,
    pub updated: i64,
}

impl Record {
    pub(super) const COLUMNS: &'static str = "kind, name, body, version, created, updated";

    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: Kind::find(&column(row, 0)?.text()?)?,
            name: column(row, 1)?.text()?,
            body: column(row, 2)?.text()?,
            version: column(row, 3)?.integer()?,
            created: column(row, 4)?.integer()?,
            updated: column(row, 5)?.integer()?,
        })
    }
}

/// What was last seen of something, as the result of a test. Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub name: String,
    /// JSON.
    pub body: String,
    /// Unix milliseconds.
    pub seen: i64,
}
