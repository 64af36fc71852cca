//! A request in a limiter's queue.
//!
//! It is answered under the limiter's lock by whoever makes room: another request that ends, a reload, or the timer of the
//! foremost, which knows when the limits over time give room. So it is answered once, and it leaves the queue and learns the answer
//! in one step.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Limiter;
use super::grant::Grant;
use super::limits::Taken;
use super::refusal::{Refusal, RefusalKind};
use crate::limit::queue::Place;

/// What the queue holds of it.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) tokens: u64,
    status: Mutex<Status>,
    /// The status has changed.
    changed: Notify,
}

#[derive(Debug)]
enum Status {
    /// In the queue. If it is the foremost and time alone gives room: when.
    Waiting { room_at: Option<Instant> },
    /// Out of the queue.
    Answered(Result<Taken, RefusalKind>),
    /// The answer has been taken.
    Done,
}

impl Waiter {
    pub(super) fn new(tokens: u64) -> Self {
        Self { tokens, status: Mutex::new(Status::Waiting { room_at: None }), changed: Notify::new() }
    }

    /// It is the foremost. Time alone gives room then; or, with `None`, it takes another request to end.
    pub(super) fn wake_at(&self, at: Option<Instant>) {
        let mut status = self.status.lock();
        if let Status::Waiting { room_at } = &mut *status
            && *room_at != at
        {
            *room_at = at;
            self.changed.notify_one();
        }
    }

    pub(super) fn answer(&self, answer: Result<Taken, RefusalKind>) {
        *self.status.lock() = Status::Answered(answer);
        self.changed.notify_one();
    }

    fn room_at(&self) -> Option<Instant> {
        match *self.status.lock() {
            Status::Waiting { room_at } => room_at,
            _ => None,
        }
    }

    fn take_answer(&self) -> Option<Result<Taken, RefusalKind>> {
        let mut status = self.status.lock();
        if let Status::Waiting { .. } = *status {
            return None;
        }
        match std::mem::replace(&mut *status, Status::Done) {
            Status::Answered(answer) => Some(answer),
            _ => None,
        }
    }
}

/// The side of the one who waits. Dropped, the request leaves the queue at once, and what it was given goes back.
pub(super) struct Waiting {
    pub(super) limiter: Arc<Limiter>,
    pub(super) waiter: Arc<Waiter>,
    pub(super) place: Place,
    /// It waits no longer.
    pub(super) until: Instant,
}

impl Waiting {
    pub(super) async fn answer(self) -> Result<Grant, Refusal> {
        loop {
            if let Some(answer) = self.waiter.take_answer() {
                return self.conclude(answer);
            }
            let wake_at = self.waiter.room_at().map_or(self.until, |at| at.min(self.until));
            if tokio::time::timeout_at(wake_at, self.waiter.changed.notified()).await.is_ok() {
                continue;
            }
            let now = Instant::now();
            let mut state = self.limiter.state.lock();
            state.serve(now);
            if now >= self.until && state.leave(now, self.place) {
                return Err(state.too_late(now, self.waiter.tokens));
            }
        }
    }

    fn conclude(&self, answer: Result<Taken, RefusalKind>) -> Result<Grant, Refusal> {
        match answer {
            Ok(taken) => Ok(Grant::new(Arc::clone(&self.limiter), taken)),
            Err(kind) => Err(Refusal { kind, wait: None, quotas: self.limiter.quotas(Instant::now()) }),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.limiter.state.lock();
        if state.leave(now, self.place) {
            return;
        }
        if let Some(Ok(taken)) = self.waiter.take_answer() {
            state.give_back(now, taken.at, taken.tokens);
            drop(taken.permit);
            state.serve(now);
        }
    }
}
