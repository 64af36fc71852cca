//! Which script answers which request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::record::Seen;

type Respond<S> = Arc<dyn Fn(&Seen) -> S + Send + Sync>;

/// Scripts in their order, then one for everything else.
pub(super) struct Scripts<S> {
    queue: Mutex<VecDeque<S>>,
    fallback: Mutex<Respond<S>>,
}

impl<S: Clone + Send + Sync + 'static> Scripts<S> {
    pub(super) fn new(fallback: S) -> Self {
        Self { queue: Mutex::default(), fallback: Mutex::new(Arc::new(move |_| fallback.clone())) }
    }

    pub(super) fn push(&self, script: S) {
        self.queue.lock().unwrap().push_back(script);
    }

    pub(super) fn set_fallback(&self, respond: impl Fn(&Seen) -> S + Send + Sync + 'static) {
        *self.fallback.lock().unwrap() = Arc::new(respond);
    }

    pub(super) fn next(&self, seen: &Seen) -> S {
        let next = self.queue.lock().unwrap().pop_front();
        next.unwrap_or_else(|| {
            let fallback = Arc::clone(&self.fallback.lock().unwrap());
            fallback(seen)
        })
    }
}
