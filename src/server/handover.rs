//! How an answer that is a stream gets from hyper to [`Streaming`](super::streaming::Streaming): hyper writes its head and what there is
//! of it at once, and when it would have to wait for more, the rest is handed over, and with it the connection.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::{Request, Version};

use super::admitted::Admitted;
use crate::base::sync::Mutex;

/// Shared by a connection, the bytes below hyper and the answer's body above it. All of them are one task's.
#[derive(Default)]
pub(super) struct Handover {
    rest: Mutex<Option<Admitted>>,
    is_wanted: AtomicBool,
    /// hyper has nothing left that it would write.
    is_flushed: AtomicBool,
}

impl Handover {
    /// Whether the answer to this request can be handed over. It is to be known, without hyper, where the request ends, that its
    /// answer comes in chunks, and that the connection stays open.
    pub(super) fn suits<B>(request: &Request<B>) -> bool {
        let headers = request.headers();
        request.version() == Version::HTTP_11 && !headers.contains_key(CONNECTION) && !headers.contains_key(TRANSFER_ENCODING)
    }

    /// The rest of an answer.
    pub(super) fn give(&self, rest: Admitted) {
        *self.rest.lock() = Some(rest);
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// The rest of the answer, once hyper has written all it was given before.
    pub(super) fn take(&self) -> Option<Admitted> {
        if !self.is_wanted.load(Ordering::Relaxed) || !self.is_flushed.load(Ordering::Relaxed) {
            return None;
        }
        self.is_wanted.store(false, Ordering::Relaxed);
        self.rest.lock().take()
    }

    pub(super) fn flushed(&self, is_flushed: bool) {
        self.is_flushed.store(is_flushed, Ordering::Relaxed);
    }
}
