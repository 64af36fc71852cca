//! What the project's `base::sync` offers, as loom's types.

use std::ops::Deref;
use std::task::Waker;

use loom::sync::MutexGuard;
use loom::sync::atomic::AtomicUsize;
pub use loom::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Takes a waker like futures-util's: by reference.
#[derive(Debug)]
pub struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub fn wake(&self) {
        self.0.wake();
    }
}

/// Locks like parking_lot's: without an error.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("a model does not panic under a lock")
    }
}

/// loom's `Arc` has no `Weak`. This one counts in loom's sight, with the orderings of the standard library's, and leaves the rest
/// to that.
#[derive(Debug)]
pub struct Arc<T> {
    strong: std::sync::Arc<AtomicUsize>,
    value: std::sync::Arc<T>,
}

#[derive(Debug)]
pub struct Weak<T> {
    strong: std::sync::Arc<AtomicUsize>,
    value: std::sync::Weak<T>,
}

impl<T> Arc<T> {
    pub fn new(value: T) -> Self {
        Self { strong: std::sync::Arc::new(AtomicUsize::new(1)), value: std::sync::Arc::new(value) }
    }

    pub fn downgrade(this: &Self) -> Weak<T> {
        Weak { strong: std::sync::Arc::clone(&this.strong), value: std::sync::Arc::downgrade(&this.value) }
    }

    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&this.value, &other.value)
    }
}

impl<T> Weak<T> {
    pub fn upgrade(&self) -> Option<Arc<T>> {
        let mut strong = self.strong.load(Ordering::Relaxed);
        while strong > 0 {
            match self.strong.compare_exchange(strong, strong + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    let value = self.value.upgrade().expect("it is counted");
                    return Some(Arc { strong: std::sync::Arc::clone(&self.strong), value });
                }
                Err(current) => strong = current,
            }
        }
        None
    }

    pub fn strong_count(&self) -> usize {
        self.strong.load(Ordering::Relaxed)
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        self.strong.fetch_add(1, Ordering::Relaxed);
        Self { strong: std::sync::Arc::clone(&self.strong), value: std::sync::Arc::clone(&self.value) }
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        self.strong.fetch_sub(1, Ordering::Release);
    }
}
