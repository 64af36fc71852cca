//! Between a connection and its task. A connection without a task of its own and whoever reads from it tell each other of progress
//! by waking, and what they wake is the task that is just polling them both: it would be polled once more, for nothing.

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::base::sync::{AtomicU8, AtomicWaker, Ordering};

/// Wakes are passed on.
const OPEN: u8 = 0;
/// Wakes are noted: the task is polling, and does not stop before it has looked at what they are for.
const SHUT: u8 = 1;
/// There was one.
const NOTED: u8 = 2;

/// What the connection wakes instead of its task.
pub struct Gate {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Gate {
    pub fn new() -> Self {
        Self { state: AtomicU8::new(OPEN), task: AtomicWaker::new() }
    }

    /// `task` begins to poll.
    pub fn shut(&self, task: &Waker) {
        self.task.register(task);
        self.forget();
    }

    /// What was noted is looked at now.
    pub fn forget(&self) {
        self.state.swap(SHUT, Ordering::AcqRel);
    }

    /// The task is about to wait. `false` if it must not, as a wake was noted.
    pub fn open(&self) -> bool {
        self.state.compare_exchange(SHUT, OPEN, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let state = self.state.compare_exchange(SHUT, NOTED, Ordering::AcqRel, Ordering::Acquire);
        if state == Err(OPEN) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakes_are_passed_on_but_for_those_of_the_poll_itself() {
        let (gate, task) = (Arc::new(Gate::new()), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&gate));
        let woken = || task.0.swap(0, Ordering::Relaxed);
        gate.shut(&Waker::from(Arc::clone(&task)));
        assert!(gate.open());
        waker.wake_by_ref();
        assert_eq!(woken(), 1);

        gate.shut(&Waker::from(Arc::clone(&task)));
        waker.wake_by_ref();
        waker.wake_by_ref();
        assert!(!gate.open(), "it would wait for what has happened");
        gate.forget();
        assert!(gate.open());
        assert_eq!(woken(), 0);
    }
}
