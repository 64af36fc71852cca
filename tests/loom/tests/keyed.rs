//! State shared by configurations that come and go at once.

use llm_sidecar_loom::base::sync::{Arc, Mutex};
use llm_sidecar_loom::keyed::Keyed;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// A registry of numbered instances.
struct Registry {
    keyed: Keyed<&'static str, usize>,
    made: AtomicUsize,
    /// The instance each thread holds, 0 for none.
    held: [AtomicUsize; 2],
}

impl Registry {
    fn new() -> loom::sync::Arc<Self> {
        let held = [AtomicUsize::new(0), AtomicUsize::new(0)];
        loom::sync::Arc::new(Self { keyed: Keyed::new(), made: AtomicUsize::new(0), held })
    }

    fn get(&self) -> Arc<usize> {
        self.keyed.get_or_insert("key", || self.made.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A configuration that is built and dropped. While it is there, the other one has the same instance.
    fn configuration(&self, thread: usize) {
        let instance = self.get();
        self.held[thread].store(*instance, Ordering::SeqCst);
        // A write, so that it reads the latest.
        let other = self.held[1 - thread].fetch_add(0, Ordering::SeqCst);
        assert!(other == 0 || other == *instance, "{other} and {}", *instance);
        self.held[thread].store(0, Ordering::SeqCst);
        drop(instance);
    }
}

#[test]
fn configurations_at_the_same_time_share_one_instance() {
    loom::model(|| {
        let registry = Registry::new();
        let other = thread::spawn({
            let registry = registry.clone();
            move || registry.configuration(1)
        });
        registry.configuration(0);
        other.join().unwrap();
        // Both are gone, and so is what they held.
        let made = registry.made.load(Ordering::Relaxed);
        assert_eq!(*registry.get(), made + 1);
    });
}

#[test]
fn a_configuration_that_takes_over_keeps_the_instance() {
    loom::model(|| {
        let registry = Registry::new();
        let current = loom::sync::Arc::new(Mutex::new(Arc::new(registry.get())));
        // A request, which takes the configuration of the moment.
        let request = thread::spawn({
            let current = current.clone();
            move || {
                let configuration = current.lock().clone();
                assert_eq!(**configuration, 1);
            }
        });
        // A reload: the next configuration is built while the old one is in use.
        let next = Arc::new(registry.get());
        let old = std::mem::replace(&mut *current.lock(), next);
        drop(old);
        request.join().unwrap();
        assert_eq!(*registry.get(), 1);
    });
}
