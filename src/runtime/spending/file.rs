//! What was spent, in a file of this process's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::Keeper;
use crate::store::Spent;

/// A JSON list that is replaced as a whole.
pub struct SpentFile {
    path: PathBuf,
    /// `None` until it has been read.
    known: Mutex<Option<Vec<Spent>>>,
}

impl SpentFile {
    /// Beside the file of records: its name with `.budgets` behind it.
    pub fn beside(records: &Path) -> Self {
        Self { path: PathBuf::from(format!("{}.budgets", records.display())), known: Mutex::default() }
    }

    fn read(&self) -> io::Result<Vec<Spent>> {
        match fs::read(&self.path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, all: &[Spent]) -> io::Result<()> {
        let new = PathBuf::from(format!("{}.new", self.path.display()));
        fs::write(&new, serde_json::to_vec(all)?)?;
        fs::rename(new, &self.path)
    }

    fn try_add(&self, spent: &[Spent], at: u64) -> io::Result<Vec<u64>> {
        let mut known = self.known.lock();
        let mut all = match &*known {
            Some(all) => all.clone(),
            None => self.read()?,
        };
        all.retain(|one| one.ends > at);
        for new in spent.iter().filter(|new| new.amount > 0) {
            match all.iter_mut().find(|one| one.is_of(new)) {
                Some(one) => one.amount = one.amount.saturating_add(new.amount),
                None => all.push(new.clone()),
            }
        }
        if spent.iter().any(|new| new.amount > 0) {
            self.write(&all)?;
        }
        let total = |one: &Spent| all.iter().find(|known| known.is_of(one)).map_or(0, |known| known.amount);
        let totals = spent.iter().map(total).collect();
        *known = Some(all);
        Ok(totals)
    }
}

impl Keeper for SpentFile {
    fn add(&self, spent: &[Spent], at: u64) -> Result<Vec<u64>, String> {
        self.try_add(spent, at).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_is_found_again_until_its_period_ends() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SpentFile::beside(&folder.path().join("usage.jsonl"));
        let spent = |name: &str, amount| Spent { name: name.into(), currency: "USD".into(), ends: 100, amount };
        let file = open();
        assert_eq!(file.add(&[spent("a", 0), spent("b", 7)], 1), Ok(vec![0, 7]));
        assert_eq!(file.add(&[spent("a", 3), spent("b", 2)], 1), Ok(vec![3, 9]));
        assert_eq!(open().add(&[spent("b", 0), spent("a", 0)], 99), Ok(vec![9, 3]), "by a new process");
        assert_eq!(open().add(&[spent("b", 0)], 100), Ok(vec![0]));
        fs::write(folder.path().join("usage.jsonl.budgets"), "damaged").unwrap();
        assert!(open().add(&[spent("b", 1)], 1).is_err(), "what is not understood is not overwritten");
    }
}
