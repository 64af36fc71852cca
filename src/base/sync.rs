//! The locks and counters that threads share, named in one place so that a model checker can put its own in their stead
//! (`tests/loom`).

pub use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
pub use std::sync::{Arc, Weak};

pub use futures_util::task::AtomicWaker;
pub use parking_lot::Mutex;
