//! Wakes that come while the task polls, and just as it is about to wait.

use std::future::poll_fn;
use std::sync::Arc as StdArc;
use std::task::{Poll, Waker};

use llm_sidecar_loom::gate::Gate;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::{future::block_on, thread};

/// loom takes a task that waits forever for a deadlock.
#[test]
fn no_wake_is_lost() {
    loom::model(|| {
        let gate = StdArc::new(Gate::new());
        let ready = Arc::new(AtomicUsize::new(0));
        let reactor = thread::spawn({
            let (waker, ready) = (Waker::from(gate.clone()), ready.clone());
            move || {
                ready.store(1, Ordering::Release);
                waker.wake_by_ref();
            }
        });
        block_on(poll_fn(|cx| {
            gate.shut(cx.waker());
            loop {
                if ready.load(Ordering::Acquire) == 1 {
                    return Poll::Ready(());
                }
                if gate.open() {
                    return Poll::Pending;
                }
                gate.forget();
            }
        }));
        reactor.join().unwrap();
    });
}
