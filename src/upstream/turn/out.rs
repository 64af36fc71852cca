//! A socket's way out, which the stream and the turn's list share.

use std::io::{self, ErrorKind};
use std::task::{Context, Poll, Waker, ready};

use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use crate::base::sync::{AtomicU8, Mutex, Ordering};

/// A write of it is on the list.
const LISTED: u8 = 1;
/// It has bytes that the socket did not take, or an error that nobody was told.
const OWING: u8 = 2;

pub(super) struct Out {
    /// There until it is dropped.
    half: Option<OwnedWriteHalf>,
    state: AtomicU8,
    debt: Mutex<Debt>,
}

#[derive(Default)]
struct Debt {
    rest: Vec<u8>,
    error: Option<io::Error>,
    /// Whom to tell that there is a debt.
    task: Option<Waker>,
}

impl Out {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self { half: Some(half), state: AtomicU8::new(0), debt: Mutex::default() }
    }

    /// # Errors
    /// Never, while it is there.
    pub(super) fn socket(&self) -> io::Result<&TcpStream> {
        self.half.as_ref().map(AsRef::as_ref).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    pub(super) fn is_listed(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LISTED != 0
    }

    pub(super) fn is_owing(&self) -> bool {
        self.state.load(Ordering::Relaxed) & OWING != 0
    }

    /// A write is put on the list. `task` settles what comes of it.
    pub(super) fn list(&self, task: &Waker) {
        self.state.fetch_or(LISTED, Ordering::Relaxed);
        let mut debt = self.debt.lock();
        if !debt.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            debt.task = Some(task.clone());
        }
    }

    /// Writes what was on the list.
    pub(super) fn write(&self, bytes: &[u8]) {
        self.state.fetch_and(!LISTED, Ordering::Relaxed);
        let mut debt = self.debt.lock();
        // Nothing goes before what an earlier write of the same turn has left.
        let written = if debt.rest.is_empty() { self.socket().and_then(|socket| socket.try_write(bytes)) } else { Ok(0) };
        let written = match written {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => {
                debt.error = Some(error);
                bytes.len()
            }
        };
        debt.rest.extend_from_slice(bytes.get(written..).unwrap_or_default());
        if debt.error.is_some() || !debt.rest.is_empty() {
            self.state.fetch_or(OWING, Ordering::Relaxed);
            if let Some(task) = debt.task.take() {
                task.wake();
            }
        }
    }

    /// Writes what the socket did not take.
    pub(super) fn poll_settle(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut debt = self.debt.lock();
        if let Some(error) = debt.error.take() {
            return Poll::Ready(Err(error));
        }
        let socket = self.socket()?;
        while !debt.rest.is_empty() {
            ready!(socket.poll_write_ready(cx))?;
            match socket.try_write(&debt.rest) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(written) => _ = debt.rest.drain(..written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        debt.rest = Vec::new();
        self.state.fetch_and(!OWING, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Out {
    /// The socket is closed with its last half, and not shut down before.
    fn drop(&mut self) {
        if let Some(half) = self.half.take() {
            half.forget();
        }
    }
}
