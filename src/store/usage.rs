//! What requests used, in sums by day, provider, model and client. Whoever serves requests adds to them in memory; a thread that
//! may wait writes them.

mod sink;
mod sums;

use jiff::civil::Date;
use serde::Serialize;

use super::database::Store;
use super::sql::{Row, Sql, StoreError, Value, column};
pub use sink::UsageSink;
pub use sums::Sums;
use sums::{Key, Tally};

/// What sums may be told apart by. They are always told apart by the currency of their cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageGroup {
    Provider,
    Model,
    Client,
    Day,
}

impl UsageGroup {
    pub const ALL: [Self; 4] = [Self::Provider, Self::Model, Self::Client, Self::Day];

    /// As callers write it, and the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Client => "client",
            Self::Day => "day",
        }
    }
}

/// Which use is asked for. What is `None` may be anything; an empty text is what requests have that are of no provider or client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageFilter {
    pub provider: Option<String>,
    /// As metrics name it: a model of the configuration, or `other`.
    pub model: Option<String>,
    pub client: Option<String>,
}

/// The sums of one group; what it is not told apart by is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageRow {
    /// In UTC, as in 2026-01-31.
    pub day: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub client: Option<String>,
    /// Of the cost: the currency that was reported in at the time.
    pub currency: String,
    #[serde(flatten)]
    pub sums: Sums,
}

impl Store {
    /// The sums of use from one day to another, both included, by day first; at most `limit` rows.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn usage(
        &self,
        groups: &[UsageGroup],
        (from, to): (Date, Date),
        filter: &UsageFilter,
        limit: i64,
    ) -> Result<Vec<UsageRow>, StoreError> {
        // In the order of the columns, whatever the order they were asked for in.
        let groups: Vec<UsageGroup> = UsageGroup::ALL.into_iter().rev().filter(|group| groups.contains(group)).collect();
        let by: Vec<&str> = groups.iter().map(|group| group.as_str()).chain(["currency"]).collect();
        let by = by.join(", ");
        let sums = Sums::COLUMNS.map(|name| format!("CAST(SUM({name}) AS BIGINT)")).join(", ");
        let mut values: Vec<Value> = vec![from.to_string().as_str().into(), to.to_string().as_str().into()];
        let mut conditions = "day >= $1 AND day <= $2".to_owned();
        for (name, wanted) in [("provider", &filter.provider), ("model", &filter.model), ("client", &filter.client)] {
            if let Some(wanted) = wanted {
                values.push(wanted.as_str().into());
                conditions.push_str(&format!(" AND {name} = ${}", values.len()));
            }
        }
        values.push(limit.into());
        let sql =
            format!("SELECT {by}, {sums} FROM llm_sidecar_usage WHERE {conditions} GROUP BY {by} ORDER BY {by} LIMIT ${}", values.len());
        self.with(|connection| connection.query(&sql, &values)?.iter().map(|row| read(row, &groups)).collect())
    }

    /// Adds to the sums, all or nothing.
    fn add_usage(&self, tally: &Tally) -> Result<(), StoreError> {
        let sql = upsert();
        self.transaction(|connection| tally.iter().try_for_each(|(key, sums)| add(connection, &sql, key, sums)))
    }

    /// Forgets the sums of the days before one.
    fn forget_usage(&self, before: Date) -> Result<u64, StoreError> {
        let before = before.to_string();
        self.transaction(|sql| sql.execute("DELETE FROM llm_sidecar_usage WHERE day < $1", &[before.as_str().into()]))
    }
}

fn upsert() -> String {
    let columns = Key::COLUMNS.iter().chain(&Sums::COLUMNS).copied().collect::<Vec<_>>().join(", ");
    let places = (1..=Key::COLUMNS.len() + Sums::COLUMNS.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let added = Sums::COLUMNS.map(|name| format!("{name} = llm_sidecar_usage.{name} + excluded.{name}")).join(", ");
    let key = Key::COLUMNS.join(", ");
    format!("INSERT INTO llm_sidecar_usage ({columns}) VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {added}")
}

fn add(sql: &mut dyn Sql, upsert: &str, key: &Key, sums: &Sums) -> Result<(), StoreError> {
    let numbers = sums.numbers().map(|number| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
    let values: Vec<Value> = key.texts().into_iter().map(Value::from).chain(numbers).collect();
    sql.execute(upsert, &values).map(drop)
}

fn read(row: &Row, groups: &[UsageGroup]) -> Result<UsageRow, StoreError> {
    let of = |group| match groups.iter().position(|one| *one == group) {
        Some(index) => column(row, index)?.text().map(Some),
        None => Ok(None),
    };
    let mut numbers = [0; Sums::COLUMNS.len()];
    for (index, number) in numbers.iter_mut().enumerate() {
        *number = u64::try_from(column(row, groups.len() + 1 + index)?.integer()?).unwrap_or(0);
    }
    Ok(UsageRow {
        day: of(UsageGroup::Day)?,
        provider: of(UsageGroup::Provider)?,
        model: of(UsageGroup::Model)?,
        client: of(UsageGroup::Client)?,
        currency: column(row, groups.len())?.text()?,
        sums: Sums::of(numbers),
    })
}
