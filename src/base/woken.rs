//! A task for tests of wakers, which counts how often it is woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The task's waker, and how often it was woken since that was asked last.
pub fn task() -> (Waker, impl Fn() -> usize) {
    let count = Arc::new(Count::default());
    (Waker::from(Arc::clone(&count)), move || count.0.swap(0, Ordering::Relaxed))
}
