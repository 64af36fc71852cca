//! What is read in one turn of the event loop is written in one go.
//!
//! A write to a peer on the same machine wakes it if it sleeps, which costs about as much as the write itself. Between the writes of
//! two requests that came in the same turn lies the work on the second one, time enough for the peer to fall asleep again. So whoever
//! is about to write lets the other requests come as far first, and the writes follow each other closely.

use std::future::poll_fn;
use std::task::Poll;

use super::worker::Worker;

/// Lets everything go on that is ready to, once. At no cost where there is no other request.
pub(super) async fn end(worker: &Worker) {
    if worker.runtime.metrics.active.get() > 1 {
        let mut has_waited = false;
        poll_fn(|cx| {
            if has_waited {
                return Poll::Ready(());
            }
            has_waited = true;
            // Behind those that are ready now. tokio's `yield_now` would look for new events first, and let those come before it, too.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
