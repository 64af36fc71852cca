//! What is written in one turn of the event loop goes out in one go.
//!
//! A write to a peer on the same machine wakes it if it sleeps, which costs about as much as the write itself. Between the writes of
//! two requests that came in the same turn lies the work on the second one, time enough for the peer to fall asleep again. So small
//! writes are put on a list while there is other work, and follow each other closely at the turn's end. Whoever writes sees a socket
//! whose buffer had room.

mod out;
mod stream;

use std::future::poll_fn;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::base::sync::{AtomicWaker, Mutex};
use out::Out;
pub use stream::TurnStream;

/// A write of more bytes is not worth a copy.
const LARGEST: usize = 4 << 10;
/// With so many bytes on the list the turn has been long enough.
const MOST: usize = 64 << 10;

/// The turns of one worker's event loop.
pub struct Turn {
    late: Mutex<Late>,
    /// The task that runs at the turn's end.
    end: AtomicWaker,
    is_busy: Box<dyn Fn() -> bool + Send + Sync>,
}

/// What is to be written at the turn's end.
#[derive(Default)]
struct Late {
    bytes: Vec<u8>,
    writes: Vec<Write>,
}

struct Write {
    to: Arc<Out>,
    /// Of the list's bytes.
    range: Range<usize>,
}

impl Turn {
    /// `is_busy` says whether there may be other work in a turn: without any, nothing is put off.
    pub fn new(is_busy: impl Fn() -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { late: Mutex::default(), end: AtomicWaker::new(), is_busy: Box::new(is_busy) })
    }

    /// Ends turns, for ever. It is woken by the first write that is put off, and so comes behind all that was ready then.
    pub async fn run(&self) {
        poll_fn(|cx| {
            self.end.register(cx.waker());
            self.flush();
            Poll::Pending
        })
        .await
    }

    /// Writes what is on the list.
    pub fn flush(&self) {
        self.late.lock().flush();
    }

    /// Puts a write on the list, if it is small and there is other work. `task` settles what comes of it.
    fn put_off(&self, to: &Arc<Out>, pieces: &[IoSlice<'_>], task: &Waker) -> Option<usize> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if length > LARGEST || !(self.is_busy)() {
            return None;
        }
        to.list(task);
        let mut late = self.late.lock();
        if late.writes.is_empty() {
            self.end.wake();
        }
        let from = late.bytes.len();
        for piece in pieces {
            late.bytes.extend_from_slice(piece);
        }
        let range = from..late.bytes.len();
        late.writes.push(Write { to: Arc::clone(to), range });
        if late.bytes.len() > MOST {
            late.flush();
        }
        Some(length)
    }
}

impl Late {
    fn flush(&mut self) {
        for Write { to, range } in self.writes.drain(..) {
            to.write(self.bytes.get(range).unwrap_or_default());
        }
        self.bytes.clear();
    }
}
