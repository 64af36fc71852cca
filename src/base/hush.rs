//! Wakes that lead to nothing, left out.
//!
//! hyper's server hands a request's body to its handler through a channel, and taking the last of it wakes the channel's other end: the
//! task that is just taking it, which would be polled once more for nothing. Only who takes knows whether there is more to come.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    None,
    Quiet,
    /// Somebody was to be woken.
    Noted,
}

thread_local! {
    static SCOPE: Cell<Scope> = const { Cell::new(Scope::None) };
}

/// Calls `act` and notes wakes of [`Hush`]es by this thread instead of passing them on. Says whether there were any.
pub fn hushed<T>(act: impl FnOnce() -> T) -> (T, bool) {
    /// Ends also where `act` panics.
    struct End;

    impl Drop for End {
        fn drop(&mut self) {
            SCOPE.set(Scope::None);
        }
    }

    let _end = End;
    SCOPE.set(Scope::Quiet);
    let done = act();
    (done, SCOPE.get() == Scope::Noted)
}

/// A task's waker that can be kept quiet.
pub struct Hush {
    task: OnceLock<Waker>,
}

impl Hush {
    pub fn new() -> (Arc<Self>, Waker) {
        let hush = Arc::new(Self { task: OnceLock::new() });
        (Arc::clone(&hush), Waker::from(hush))
    }

    /// Polls with `own`, this one's waker, for the task of `cx`. It is that of one task for good; another one is woken without it.
    pub fn poll<T>(&self, own: &Waker, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        if self.task.get_or_init(|| cx.waker().clone()).will_wake(cx.waker()) { poll(&mut Context::from_waker(own)) } else { poll(cx) }
    }
}

impl Wake for Hush {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if SCOPE.get() == Scope::None {
            if let Some(task) = self.task.get() {
                task.wake_by_ref();
            }
        } else {
            SCOPE.set(Scope::Noted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::woken::task;

    /// The waker of a task's hush, and how often the task was woken since that was asked last.
    fn hushed_task() -> (Waker, impl Fn() -> usize) {
        let (hush, own) = Hush::new();
        let (waker, woken) = task();
        let polled = hush.poll(&own, &mut Context::from_waker(&waker), |cx| {
            assert!(cx.waker().will_wake(&own));
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        (own, woken)
    }

    #[test]
    fn wakes_are_passed_on_and_noted_where_it_is_to_be_quiet() {
        let (own, woken) = hushed_task();
        own.wake_by_ref();
        assert_eq!(woken(), 1);
        assert_eq!(hushed(|| own.wake_by_ref()), ((), true));
        assert_eq!(woken(), 0);
        assert_eq!(hushed(|| 7), (7, false));
        own.wake_by_ref();
        assert_eq!(woken(), 1);
    }

    #[test]
    fn another_threads_wakes_are_always_passed_on() {
        let (own, woken) = hushed_task();
        let (joined, noted) = hushed(|| std::thread::spawn(move || own.wake_by_ref()).join());
        assert!(joined.is_ok() && !noted);
        assert_eq!(woken(), 1);
    }

    #[test]
    fn a_task_that_took_over_is_woken_too() {
        let (hush, own) = Hush::new();
        let (first, second) = (task().0, task().0);
        for (waker, expected) in [(&first, &own), (&second, &second), (&first, &own)] {
            let polled = hush.poll(&own, &mut Context::from_waker(waker), |cx| Poll::Ready(cx.waker().will_wake(expected)));
            assert_eq!(polled, Poll::Ready(true));
        }
    }
}
