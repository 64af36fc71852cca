//! A vendor that answers each request by a script, byte by byte and fault by fault, and records what it saw: requests,
//! connections, and when and how the peer closed them. [`Upstream`] speaks HTTP/1.1, [`Http2Upstream`] HTTP/2 under TLS.

mod connection;
mod http2;
mod record;
mod script;
mod scripts;
mod stream;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

pub use http2::{Http2Script, Http2Upstream, Last, code};
pub use record::{Closed, How, Record, Seen};
pub use script::{Gate, Script, gzip};
pub use tls::Identity;

use super::within;
use connection::Connection;
use scripts::Scripts;

/// Whatever kept a record of what was sent to it.
pub trait Witness {
    fn watch(&self) -> watch::Receiver<Record>;
}

struct Shared {
    record: watch::Sender<Record>,
    scripts: Scripts<Script>,
}

/// How a connection begins.
#[derive(Clone)]
enum Welcome {
    Plain,
    Tls(tokio_rustls::TlsAcceptor),
    /// The handshake never gets an answer.
    Stall,
}

/// A scripted vendor on a free port of the loopback interface. It ends with the test.
pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Witness for Upstream {
    fn watch(&self) -> watch::Receiver<Record> {
        self.shared.record.subscribe()
    }
}

impl Upstream {
    pub async fn start() -> Self {
        Self::serve(bind().await, Welcome::Plain)
    }

    /// At an address of its own.
    pub async fn start_at(address: impl tokio::net::ToSocketAddrs) -> Self {
        Self::serve(TcpListener::bind(address).await.unwrap(), Welcome::Plain)
    }

    /// With TLS, by a certificate nobody trusts.
    pub async fn start_tls() -> Self {
        Self::start_tls_as(&Identity::new(&[])).await
    }

    /// With TLS, by a certificate that is trusted by who knows its file.
    pub async fn start_tls_as(identity: &Identity) -> Self {
        Self::serve(bind().await, Welcome::Tls(identity.acceptor.clone()))
    }

    /// Takes connections and what comes on them, and never says a word: a TLS handshake stalls.
    pub async fn start_stalled() -> Self {
        Self::serve(bind().await, Welcome::Stall)
    }

    fn serve(listener: TcpListener, welcome: Welcome) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            record: watch::Sender::new(Record::default()),
            scripts: Scripts::new(Script::answer(500, "text/plain", "the test has no script for this request")),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                stream.set_nodelay(true).unwrap();
                let open = Open::new(&accepting.record);
                let connection = Connection { number: open.number, shared: Arc::clone(&accepting), held: Vec::new() };
                let welcome = welcome.clone();
                connections.spawn(async move {
                    welcomed(connection, stream, welcome).await;
                    drop(open);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, shared, task: task.abort_handle() }
    }

    /// The script for the next request that has none.
    pub fn script(&self, script: Script) {
        self.shared.scripts.push(script);
    }

    /// The script for every request beyond those.
    pub fn always(&self, script: Script) {
        self.respond(move |_| script.clone());
    }

    /// The same, made for each request.
    pub fn respond(&self, respond: impl Fn(&Seen) -> Script + Send + Sync + 'static) {
        self.shared.scripts.set_fallback(respond);
    }

    pub fn record(&self) -> Record {
        self.shared.record.borrow().clone()
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.record().requests
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.shared.record.borrow().requests.len()
    }

    /// Waits until `state` gives something for the record.
    pub async fn wait<T>(&self, what: &str, state: impl FnMut(&Record) -> Option<T>) -> T {
        wait(self.shared.record.subscribe(), what, state).await
    }

    /// Waits until so many requests have come.
    pub async fn wait_requests(&self, count: usize) {
        self.wait("requests at the upstream", |record| (record.requests.len() >= count).then_some(())).await;
    }

    /// Waits until the peer has closed so many connections; tells the last of them.
    pub async fn wait_closed(&self, count: usize) -> Closed {
        self.wait("the sidecar to close its connection to the upstream", |record| {
            (record.closed.len() >= count).then(|| record.closed.last().copied()).flatten()
        })
        .await
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn welcomed(connection: Connection, stream: TcpStream, welcome: Welcome) {
    match welcome {
        Welcome::Plain => connection.run(stream).await,
        Welcome::Tls(tls) => {
            // A peer that does not trust the certificate goes away here.
            if let Ok(stream) = tls.accept(stream).await {
                connection.run(stream).await;
            }
        }
        Welcome::Stall => connection.ignore(stream).await,
    }
}

async fn wait<T>(mut record: watch::Receiver<Record>, what: &str, mut state: impl FnMut(&Record) -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = state(&record.borrow_and_update()) {
                return found;
            }
            record.changed().await.unwrap();
        }
    };
    within(what, waiting).await
}

/// Counts a connection while it is open.
struct Open {
    number: usize,
    record: watch::Sender<Record>,
}

impl Open {
    fn new(record: &watch::Sender<Record>) -> Self {
        let mut number = 0;
        record.send_modify(|record| {
            record.connections += 1;
            record.open += 1;
            number = record.connections;
        });
        Self { number, record: record.clone() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.record.send_modify(|record| record.open -= 1);
    }
}
