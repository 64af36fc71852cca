//! What budgets have spent in periods that still last.

use serde::{Deserialize, Serialize};

use super::database::Store;
use super::sql::{Sql, StoreError, Value, column};

/// What one budget has spent, or is to be added to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub name: String,
    pub currency: String,
    /// The Unix second at which the period ends.
    pub ends: u64,
    /// In billionths of the currency's unit.
    pub amount: u64,
}

impl Spent {
    /// Whether both are of the same budget and period.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.name, &self.currency, self.ends) == (&other.name, &other.currency, other.ends)
    }

    fn key(&self) -> [Value; 3] {
        [self.name.as_str().into(), self.currency.as_str().into(), number(self.ends)]
    }
}

const ADD: &str = "INSERT INTO llm_sidecar_budgets (name, currency, ends, spent) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (name, currency, ends) DO UPDATE SET spent = llm_sidecar_budgets.spent + excluded.spent";

impl Store {
    /// Adds amounts, all or none, and forgets periods that ended before the Unix second `at`. Returns what everyone has spent, in the
    /// same order.
    ///
    /// # Errors
    /// If the store cannot be reached or read.
    pub fn spend(&self, spent: &[Spent], at: u64) -> Result<Vec<u64>, StoreError> {
        // Who only asks holds nobody up.
        if spent.iter().all(|one| one.amount == 0) {
            return self.with(|sql| totals(sql, spent));
        }
        self.transaction(|sql| {
            sql.execute("DELETE FROM llm_sidecar_budgets WHERE ends <= $1", &[number(at)])?;
            for one in spent.iter().filter(|one| one.amount > 0) {
                let values: Vec<Value> = one.key().into_iter().chain([number(one.amount)]).collect();
                sql.execute(ADD, &values)?;
            }
            totals(sql, spent)
        })
    }
}

fn totals(sql: &mut dyn Sql, spent: &[Spent]) -> Result<Vec<u64>, StoreError> {
    let rows = sql.query("SELECT name, currency, ends, spent FROM llm_sidecar_budgets", &[])?;
    let mut totals = Vec::with_capacity(spent.len());
    for one in spent {
        let row = rows.iter().find(|row| row.get(..3).is_some_and(|key| *key == one.key()));
        let total = row.map(|row| column(row, 3)?.integer()).transpose()?;
        totals.push(total.map_or(0, |total| u64::try_from(total).unwrap_or(0)));
    }
    Ok(totals)
}

fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
