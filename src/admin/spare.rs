//! Descriptors kept back for the admin listener, so that a process that has used up all of its own can still be looked into.

use std::fs::File;

use parking_lot::Mutex;

/// As many admin connections can be had at once then.
const COUNT: usize = 8;
const NOTHING: &str = "/dev/null";

#[derive(Default)]
pub(super) struct Spare(Mutex<Vec<File>>);

impl Spare {
    /// Takes descriptors until there are enough, as far as they can be had. Called as soon as a connection has ended, before
    /// others can take its descriptor.
    pub(super) fn refill(&self) {
        let mut kept = self.0.lock();
        while kept.len() < COUNT {
            let Ok(file) = File::open(NOTHING) else { return };
            kept.push(file);
        }
    }

    /// Sets one free for a connection; false if there is none.
    pub(super) fn give_up(&self) -> bool {
        self.0.lock().pop().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_given_up_once() {
        let spare = Spare::default();
        assert!(!spare.give_up());
        spare.refill();
        assert_eq!((0..COUNT + 1).filter(|_| spare.give_up()).count(), COUNT);
    }
}
