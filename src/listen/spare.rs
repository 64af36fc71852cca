//! Descriptors kept back for the admin listener, so that a process that has used up all of its own can still be looked into.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

/// As many admin connections can be had at once then.
const COUNT: usize = 8;
const NOTHING: &str = "/dev/null";

/// Those descriptors, and the one lock under which connections are accepted: a descriptor that is given up for an admin
/// connection, or comes back from one, is never a data listener's to take.
#[derive(Default)]
pub struct Spare(Mutex<Vec<File>>);

impl Spare {
    /// Takes descriptors until there are enough, as far as they can be had.
    pub fn refill(&self) {
        refill(&mut self.0.lock());
    }

    /// Accepts a data connection, for which no descriptor is given up.
    pub async fn accept(&self, listener: &TcpListener) -> io::Result<TcpStream> {
        poll_fn(|cx| {
            let _kept = self.0.lock();
            listener.poll_accept(cx).map_ok(|(stream, _)| stream)
        })
        .await
    }

    /// Accepts an admin connection, for which a descriptor is given up where there is none left.
    pub async fn accept_admin(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| accept(&mut self.0.lock(), listener, cx)).await
    }

    /// Closes an admin connection and keeps its descriptor.
    pub fn take_back(&self, ended: TcpStream) {
        let mut kept = self.0.lock();
        drop(ended);
        refill(&mut kept);
    }
}

fn accept(kept: &mut Vec<File>, listener: &TcpListener, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
    match listener.poll_accept(cx) {
        Poll::Ready(Err(_)) if kept.pop().is_some() => {
            let accepted = listener.poll_accept(cx);
            // Linux looks for a descriptor before it looks for a connection, so there may have been none to accept.
            refill(kept);
            accepted
        }
        accepted => accepted,
    }
}

fn refill(kept: &mut Vec<File>) {
    while kept.len() < COUNT {
        let Ok(file) = File::open(NOTHING) else { return };
        kept.push(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_filled_once() {
        let spare = Spare::default();
        spare.refill();
        spare.0.lock().pop();
        spare.refill();
        assert_eq!(spare.0.lock().len(), COUNT);
    }
}
