//! How hyper is stopped between an answer's head and its body, so that somebody else can read the body from the connection.
//!
//! hyper parses heads, and its client also reads bodies: into a buffer of its own, from there through a channel, with another
//! buffer for what is written. For an answer that goes on for a minute in small pieces that is most of its memory and much of its work.
//! So where a stream is asked for, hyper gets the head and not a byte more, and then gives the connection back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};

use super::body::RequestBody;
use crate::base::parts::Parts;

/// Bytes pass.
const OPEN: u8 = 0;
/// Bytes pass until the head is over.
const ARMED: u8 = 1;
/// The head is over; nothing is read.
const HELD: u8 = 2;

/// Shared by a connection, the bytes below it, and the request's body above it. All of them are one task's at a time.
#[derive(Default)]
pub(super) struct Hold {
    state: AtomicU8,
    /// hyper has all of the request's body.
    is_given: AtomicBool,
    /// hyper has nothing left that it would write.
    is_flushed: AtomicBool,
}

impl Hold {
    /// Stops at the head of the next answer.
    pub(super) fn arm(&self) {
        self.is_given.store(false, Ordering::Relaxed);
        self.state.store(ARMED, Ordering::Relaxed);
    }

    pub(super) fn is_armed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ARMED
    }

    /// The head is over.
    pub(super) fn stop(&self) {
        self.state.store(HELD, Ordering::Relaxed);
    }

    pub(super) fn is_held(&self) -> bool {
        self.state.load(Ordering::Relaxed) == HELD
    }

    /// hyper goes on.
    pub(super) fn release(&self) {
        self.state.store(OPEN, Ordering::Relaxed);
    }

    pub(super) fn flushed(&self, is_flushed: bool) {
        self.is_flushed.store(is_flushed, Ordering::Relaxed);
    }

    /// Whether hyper is stopped and owes the upstream nothing.
    pub(super) fn may_part(&self) -> bool {
        self.is_held() && self.is_given.load(Ordering::Relaxed) && self.is_flushed.load(Ordering::Relaxed)
    }
}

/// A request's body on its way, which tells when hyper has all of it.
pub(super) struct Noted {
    pub body: RequestBody,
    /// Where somebody wants to know.
    pub hold: Option<Arc<Hold>>,
}

impl Noted {
    pub(super) fn into_body(mut self) -> RequestBody {
        std::mem::replace(&mut self.body, RequestBody::empty())
    }
}

impl http_body::Body for Noted {
    type Data = Parts;
    type Error = <RequestBody as http_body::Body>::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Parts>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Noted {
    /// hyper drops a body that it has all of, and one that failed with its connection.
    fn drop(&mut self) {
        if let Some(hold) = &self.hold {
            hold.is_given.store(true, Ordering::Relaxed);
        }
    }
}
