//! A future among others of one task that is polled when it was woken, and not whenever another one was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

/// Keeps a future from being polled for nothing.
pub struct OnWake {
    note: Arc<Note>,
    /// The note's.
    own: Waker,
}

struct Note {
    /// The future's task: one for good.
    task: OnceLock<Waker>,
    /// The future was woken, or was never polled.
    is_woken: AtomicBool,
}

impl Default for OnWake {
    fn default() -> Self {
        let note = Arc::new(Note { task: OnceLock::new(), is_woken: AtomicBool::new(true) });
        let own = Waker::from(Arc::clone(&note));
        Self { note, own }
    }
}

impl OnWake {
    /// Polls the future, if it was woken since it was pending last. One that has been ready is taken for woken.
    pub fn poll<T>(&self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let is_woken = &self.note.is_woken;
        let polled = if !self.note.task.get_or_init(|| cx.waker().clone()).will_wake(cx.waker()) {
            // Another task: its own waker is the one to be woken, and what is noted says nothing.
            is_woken.store(true, Ordering::Release);
            return poll(cx);
        } else if is_woken.swap(false, Ordering::AcqRel) {
            poll(&mut Context::from_waker(&self.own))
        } else {
            Poll::Pending
        };
        if polled.is_ready() {
            is_woken.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the task can be polled.
        self.is_woken.store(true, Ordering::Release);
        if let Some(task) = self.task.get() {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::woken::task;

    #[test]
    fn a_future_is_polled_first_and_when_it_was_woken() {
        let (task, woken) = task();
        let mut cx = Context::from_waker(&task);
        let on_wake = OnWake::default();
        let mut waker = None;
        let mut poll = |cx: &mut Context<'_>, polled: Poll<()>| {
            let mut is_polled = false;
            let got = on_wake.poll(cx, |cx| {
                is_polled = true;
                waker = Some(cx.waker().clone());
                polled
            });
            (is_polled, got.is_ready(), waker.clone().unwrap())
        };
        let (is_polled, _, own) = poll(&mut cx, Poll::Pending);
        assert!(is_polled);
        assert!(!poll(&mut cx, Poll::Pending).0, "nobody woke it");
        own.wake_by_ref();
        assert_eq!(woken(), 1);
        assert!(poll(&mut cx, Poll::Pending).0);
        assert!(!poll(&mut cx, Poll::Pending).0);
        // One that is ready, and then is another one.
        own.wake();
        let (is_polled, is_ready, _) = poll(&mut cx, Poll::Ready(()));
        assert!(is_polled && is_ready);
        assert!(poll(&mut cx, Poll::Pending).0);
    }

    #[test]
    fn another_task_is_woken_by_its_own_waker() {
        let (first, second) = (task().0, task().0);
        let on_wake = OnWake::default();
        let polled_with = |task: &Waker| {
            let mut with = None;
            let _ = on_wake.poll(&mut Context::from_waker(task), |cx| {
                with = Some(cx.waker().will_wake(task));
                Poll::<()>::Pending
            });
            with
        };
        assert_eq!(polled_with(&first), Some(false));
        assert_eq!(polled_with(&second), Some(true));
        assert_eq!(polled_with(&first), Some(false), "the future knows the second one's waker");
        assert_eq!(polled_with(&first), None);
    }
}
