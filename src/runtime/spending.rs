//! What budgets have spent, kept where a restart and other replicas find it: in the store, or else beside the file of records. A
//! keeper is told now and then what was spent since, and tells what was spent by everyone.

mod file;

use std::sync::Arc;

use super::snapshot::Snapshot;
use crate::store::{Spent, Store};
pub use file::SpentFile;

/// Keeps what was spent. Everything here may wait.
pub trait Keeper: Send + Sync {
    /// Adds amounts, and forgets periods that ended before the Unix second `at`. Returns what everyone has spent, in the same order.
    ///
    /// # Errors
    /// Why nothing was added.
    fn add(&self, spent: &[Spent], at: u64) -> Result<Vec<u64>, String>;
}

impl Keeper for Arc<Store> {
    fn add(&self, spent: &[Spent], at: u64) -> Result<Vec<u64>, String> {
        self.spend(spent, at).map_err(|error| error.to_string())
    }
}

impl Snapshot {
    /// Tells the keeper what was spent since it was last told, and takes over what everyone has spent.
    ///
    /// # Errors
    /// Why the keeper could not be told; it is the next time.
    pub fn keep_spent(&self, keeper: &dyn Keeper, at: u64) -> Result<(), String> {
        let entries: Vec<_> = self.budgets.all().collect();
        if entries.is_empty() {
            return Ok(());
        }
        let spent: Vec<Spent> = entries
            .iter()
            .map(|entry| {
                let (ends, amount) = entry.budget.untold(at);
                Spent { name: entry.name.clone(), currency: entry.currency.to_string(), ends, amount }
            })
            .collect();
        match keeper.add(&spent, at) {
            Ok(totals) => {
                let told = entries.iter().zip(&spent).zip(totals);
                told.for_each(|((entry, spent), total)| entry.budget.heard(at, spent.ends, total));
                Ok(())
            }
            Err(error) => {
                entries.iter().zip(&spent).for_each(|(entry, spent)| entry.budget.not_told(spent.ends, spent.amount));
                Err(error)
            }
        }
    }
}
