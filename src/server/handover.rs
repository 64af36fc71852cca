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
    /// There is a rest: looked at with each poll of a connection, so that nothing is locked for answers that are not handed over.
    is_wanted: AtomicBool,
    /// hyper has nothing left that it would write.
    is_flushed: AtomicBool,
}

impl Handover {
    /// Whether the answer to this request can be handed over. It is to be known, without hyper, where the request ends, that its
    /// answer comes in chunks, and that the connection stays open.
    pub(super) fn suits<B>(request: &Request<B>) -> bool {
        let headers = request.headers();
        // What many SDKs say, and what holds for HTTP/1.1 in any case.
        let stays = headers.get_all(CONNECTION).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"));
        request.version() == Version::HTTP_11 && stays && !headers.contains_key(TRANSFER_ENCODING)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_keep_their_connection_and_have_a_length_suit() {
        let suits = |version, headers: &[(&str, &str)]| {
            let request = headers.iter().fold(Request::post("/").version(version), |request, (name, value)| request.header(*name, *value));
            Handover::suits(&request.body(()).unwrap())
        };
        let length = ("content-length", "2");
        assert!(suits(Version::HTTP_11, &[length]));
        assert!(suits(Version::HTTP_11, &[length, ("connection", "Keep-Alive")]));
        assert!(!suits(Version::HTTP_10, &[length, ("connection", "keep-alive")]));
        for other in [("connection", "close"), ("connection", "keep-alive, close"), ("connection", "te"), ("transfer-encoding", "chunked")]
        {
            assert!(!suits(Version::HTTP_11, &[length, other]), "{other:?}");
        }
        assert!(!suits(Version::HTTP_11, &[("connection", "keep-alive"), ("connection", "close")]));
    }
}
