//! Descriptors kept back for the admin listener, so that a process that has used up all of its own can still be looked into.

use std::fs::File;

/// As many admin connections can be had then.
const COUNT: usize = 8;
const NOTHING: &str = "/dev/null";

#[derive(Default)]
pub(super) struct Spare(Vec<File>);

impl Spare {
    /// Takes descriptors until there are enough, as far as they can be had.
    pub(super) fn refill(&mut self) {
        while self.0.len() < COUNT {
            let Ok(file) = File::open(NOTHING) else { return };
            self.0.push(file);
        }
    }

    /// Sets one free for a connection; false if there is none.
    pub(super) fn give_up(&mut self) -> bool {
        self.0.pop().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_given_up_once() {
        let mut spare = Spare::default();
        assert!(!spare.give_up());
        spare.refill();
        assert_eq!((0..COUNT + 1).filter(|_| spare.give_up()).count(), COUNT);
    }
}
