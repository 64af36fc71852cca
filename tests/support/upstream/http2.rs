//! An HTTP/2 upstream under TLS that writes its frames itself, so that it can break every rule (RFC 9113). Requests' headers are
//! not read: their compression would need a decoder, and their bodies tell them apart.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::record::{Closed, How, Record, Seen};
use super::script::Gate;
use super::scripts::Scripts;
use super::stream::how;
use super::tls::Identity;
use super::{Open, Witness, bind, wait};

/// Error codes (RFC 9113, 7).
pub mod code {
    pub const NO_ERROR: u32 = 0;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// Frame types (RFC 9113, 6).
mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
}

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const INITIAL_WINDOW_SIZE: u16 = 4;
const PREFACE: usize = 24;
const WINDOW: usize = 65_535;
/// The largest frame a peer has to take.
const MAX_FRAME: usize = 16_384;
/// Requests that the sidecar has on one connection at most.
const MAX_STREAMS: usize = 100;

/// The last stream that a GOAWAY says has been looked at. What it says is true: no stream beyond is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// The request's, or a later one that is being answered.
    This,
    /// The one before it: the request is refused. Only as a script's beginning; where a later request is being answered already,
    /// it becomes a RST_STREAM with REFUSED_STREAM.
    Before,
}

#[derive(Clone, Debug)]
enum Op {
    Head(u16, Vec<(String, String)>),
    Data(Vec<u8>),
    Endless(Vec<u8>),
    End,
    Reset(u32),
    GoAway(Last, u32),
    Pause(Duration),
    Gate(Gate),
    Never,
    Fin,
}

/// What to do with a request. At its end the stream stays as it is: a script without `end` lacks its END_STREAM.
#[derive(Clone, Debug, Default)]
pub struct Http2Script(Vec<Op>);

impl Http2Script {
    pub fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self(vec![Op::Head(status, headers)])
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::head(status, &[("content-type", "application/json")]).data(body.to_string()).end()
    }

    /// The head of an event stream.
    pub fn sse() -> Self {
        Self::head(200, &[("content-type", "text/event-stream")])
    }

    pub fn data(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Data(bytes.as_ref().to_vec()))
    }

    /// The same bytes for as long as the peer's windows let them through.
    pub fn endless(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Endless(bytes.as_ref().to_vec()))
    }

    /// END_STREAM.
    pub fn end(self) -> Self {
        self.then(Op::End)
    }

    /// RST_STREAM.
    pub fn reset(self, code: u32) -> Self {
        self.then(Op::Reset(code))
    }

    /// What another script does.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn go_away(self, last: Last, code: u32) -> Self {
        self.then(Op::GoAway(last, code))
    }

    pub fn pause(self, time: Duration) -> Self {
        self.then(Op::Pause(time))
    }

    pub fn gate(self, gate: &Gate) -> Self {
        self.then(Op::Gate(gate.clone()))
    }

    pub fn never(self) -> Self {
        self.then(Op::Never)
    }

    /// Closes the whole connection.
    pub fn fin(self) -> Self {
        self.then(Op::Fin)
    }

    fn then(mut self, op: Op) -> Self {
        self.0.push(op);
        self
    }
}

struct Shared {
    record: watch::Sender<Record>,
    scripts: Scripts<Http2Script>,
}

/// A scripted vendor that speaks HTTP/2 alone, on a free port of the loopback interface. It ends with the test.
pub struct Http2Upstream {
    pub address: SocketAddr,
    pub identity: Identity,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Http2Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Witness for Http2Upstream {
    fn watch(&self) -> watch::Receiver<Record> {
        self.shared.record.subscribe()
    }
}

impl Http2Upstream {
    pub async fn start() -> Self {
        let identity = Identity::new(&[b"h2"]);
        let listener = bind().await;
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            record: watch::Sender::new(Record::default()),
            scripts: Scripts::new(Http2Script::head(500, &[]).data("the test has no script for this request").end()),
        });
        let task = tokio::spawn(accept(listener, identity.acceptor.clone(), Arc::clone(&shared)));
        Self { address, identity, shared, task: task.abort_handle() }
    }

    /// The script for the next request that has none.
    pub fn script(&self, script: Http2Script) {
        self.shared.scripts.push(script);
    }

    /// The script for every request beyond those.
    pub fn always(&self, script: Http2Script) {
        self.respond(move |_| script.clone());
    }

    /// The same, made for each request.
    pub fn respond(&self, respond: impl Fn(&Seen) -> Http2Script + Send + Sync + 'static) {
        self.shared.scripts.set_fallback(respond);
    }

    pub fn record(&self) -> Record {
        self.shared.record.borrow().clone()
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.shared.record.borrow().requests.len()
    }

    /// Waits until `state` gives something for the record.
    pub async fn wait<T>(&self, what: &str, state: impl FnMut(&Record) -> Option<T>) -> T {
        wait(self.shared.record.subscribe(), what, state).await
    }

    /// A provider of this name, as an entry of `providers:`. `more` is further YAML inside it.
    pub fn provider(&self, name: &str, more: &str) -> String {
        format!(
            "  {name}: {{type: openai_compatible, base_url: \"https://localhost:{}/v1\", api_key: sk-canary-0123456789, models: [m], \
             tls: {{ca: {}}}, {more}}}\n",
            self.address.port(),
            self.identity.ca.path().display()
        )
    }
}

async fn accept(listener: TcpListener, tls: tokio_rustls::TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).unwrap();
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let open = Open::new(&shared.record);
            let Ok(stream) = tls.accept(stream).await else { return };
            if let Some(how) = Connection::serve(stream, open.number, Arc::clone(&shared)).await {
                let closed = Closed { connection: open.number, how, at: Instant::now() };
                shared.record.send_modify(|record| record.closed.push(closed));
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

type Writer = Arc<tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>>;

/// What the tasks of a connection's streams share.
#[derive(Clone)]
struct Connection {
    number: usize,
    shared: Arc<Shared>,
    write: Writer,
    /// What the peer lets through on the whole connection.
    window: Arc<Semaphore>,
    hang_up: Arc<tokio::sync::Notify>,
    /// The last stream that is being answered.
    answered: Arc<AtomicU32>,
    /// The last that will be.
    last: Arc<AtomicU32>,
}

/// A request that is coming in, or being answered.
struct Request {
    body: Vec<u8>,
    window: Arc<Semaphore>,
    task: Option<AbortHandle>,
}

impl Connection {
    /// Tells how the peer closed; `None` if a script did.
    async fn serve(stream: TlsStream<TcpStream>, number: usize, shared: Arc<Shared>) -> Option<How> {
        let (mut read, write) = tokio::io::split(stream);
        let connection = Self {
            number,
            shared,
            write: Arc::new(tokio::sync::Mutex::new(write)),
            window: Arc::new(Semaphore::new(WINDOW)),
            hang_up: Arc::default(),
            answered: Arc::default(),
            last: Arc::new(AtomicU32::new(u32::MAX)),
        };
        let mut preface = [0; PREFACE];
        if let Err(error) = read.read_exact(&mut preface).await {
            return Some(how(&error));
        }
        connection.send(kind::SETTINGS, 0, 0, &[]).await;
        let mut streams = Streams { connection: connection.clone(), open: HashMap::new(), tasks: JoinSet::new(), window: WINDOW };
        let ended = tokio::select! {
            how = streams.read(&mut read) => Some(how),
            () = connection.hang_up.notified() => None,
        };
        let _ = connection.write.lock().await.shutdown().await;
        ended
    }

    async fn send(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        let mut write = self.write.lock().await;
        // A peer that is gone is noticed by who reads.
        if write.write_all(&[&head, payload].concat()).await.is_ok() {
            let _ = write.flush().await;
        }
    }

    fn refused(&self, user: &str) {
        self.shared.record.send_modify(|record| record.refused.push(user.to_owned()));
    }

    async fn data(&self, stream: u32, window: &Semaphore, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_FRAME) {
            let size = u32::try_from(piece.len()).unwrap();
            window.acquire_many(size).await.unwrap().forget();
            self.window.acquire_many(size).await.unwrap().forget();
            self.send(kind::DATA, 0, stream, piece).await;
            self.shared.record.send_modify(|record| record.written += piece.len());
        }
    }

    async fn execute(self, stream: u32, user: String, window: Arc<Semaphore>, script: Http2Script) {
        for op in script.0 {
            match op {
                Op::Head(status, headers) => self.send(kind::HEADERS, END_HEADERS, stream, &header_block(status, &headers)).await,
                Op::Data(bytes) => self.data(stream, &window, &bytes).await,
                Op::Endless(bytes) => loop {
                    self.data(stream, &window, &bytes).await;
                },
                Op::End => self.send(kind::DATA, END_STREAM, stream, &[]).await,
                Op::Reset(code) => {
                    if code == code::REFUSED_STREAM {
                        self.refused(&user);
                    }
                    self.send(kind::RST_STREAM, 0, stream, &code.to_be_bytes()).await;
                }
                Op::GoAway(last, code) => {
                    if last == Last::This {
                        self.last.fetch_min(self.answered.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                    let last = self.last.load(Ordering::Relaxed);
                    self.send(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat()).await;
                }
                Op::Pause(time) => tokio::time::sleep(time).await,
                Op::Gate(gate) => gate.pass().await,
                Op::Never => std::future::pending().await,
                Op::Fin => {
                    self.shared.record.send_modify(|record| record.hung_up += MAX_STREAMS);
                    self.hang_up.notify_one();
                }
            }
        }
    }
}

/// A connection's streams, as their frames come in.
struct Streams {
    connection: Connection,
    open: HashMap<u32, Request>,
    tasks: JoinSet<()>,
    /// What the peer lets through on a new stream.
    window: usize,
}

impl Streams {
    /// Reads frames until the peer closes.
    async fn read(&mut self, read: &mut (impl AsyncRead + Unpin)) -> How {
        loop {
            let mut head = [0; 9];
            if let Err(error) = read.read_exact(&mut head).await {
                return how(&error);
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            let mut payload = vec![0; length];
            if let Err(error) = read.read_exact(&mut payload).await {
                return how(&error);
            }
            self.frame(head[3], head[4], stream, &payload).await;
            while self.tasks.try_join_next().is_some() {}
        }
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            kind::HEADERS => {
                let window = Arc::new(Semaphore::new(self.window));
                self.open.entry(stream).or_insert(Request { body: Vec::new(), window, task: None });
                self.end(flags, stream);
            }
            kind::DATA => {
                assert_eq!(flags & PADDED, 0, "the sidecar does not pad");
                if let Some(request) = self.open.get_mut(&stream) {
                    request.body.extend_from_slice(payload);
                }
                if !payload.is_empty() {
                    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
                    self.connection.send(kind::WINDOW_UPDATE, 0, 0, &size).await;
                    if flags & END_STREAM == 0 {
                        self.connection.send(kind::WINDOW_UPDATE, 0, stream, &size).await;
                    }
                }
                self.end(flags, stream);
            }
            kind::RST_STREAM => {
                if let Some(task) = self.open.remove(&stream).and_then(|request| request.task) {
                    task.abort();
                    let closed = Closed { connection: self.connection.number, how: How::Stream, at: Instant::now() };
                    self.connection.shared.record.send_modify(|record| record.closed.push(closed));
                }
            }
            kind::SETTINGS if flags & ACK == 0 => {
                for setting in payload.chunks_exact(6) {
                    if u16::from_be_bytes([setting[0], setting[1]]) == INITIAL_WINDOW_SIZE {
                        self.window = number(&setting[2..]) as usize;
                    }
                }
                self.connection.send(kind::SETTINGS, ACK, 0, &[]).await;
            }
            kind::PING if flags & ACK == 0 => self.connection.send(kind::PING, ACK, 0, payload).await,
            kind::WINDOW_UPDATE => {
                let more = number(payload) as usize;
                match self.open.get(&stream) {
                    _ if stream == 0 => self.connection.window.add_permits(more),
                    Some(request) => request.window.add_permits(more),
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Answers the request if it is whole.
    fn end(&mut self, flags: u8, stream: u32) {
        let Some(request) = self.open.get_mut(&stream).filter(|_| flags & END_STREAM != 0) else { return };
        let connection = self.connection.clone();
        let body = std::mem::take(&mut request.body);
        let seen = Seen { connection: connection.number, method: String::new(), path: String::new(), headers: Vec::new(), body };
        let user = seen.user().unwrap_or_default();
        if stream > connection.last.load(Ordering::Relaxed) {
            connection.refused(&user);
            connection.shared.record.send_modify(|record| record.requests.push(seen));
            return;
        }
        let mut script = connection.shared.scripts.next(&seen);
        connection.shared.record.send_modify(|record| record.requests.push(seen));
        let refuses = matches!(script.0.first(), Some(Op::GoAway(Last::Before, _)));
        if !refuses {
            connection.answered.fetch_max(stream, Ordering::Relaxed);
        } else if connection.answered.load(Ordering::Relaxed) > stream {
            script = Http2Script::default().reset(code::REFUSED_STREAM);
        } else {
            connection.refused(&user);
            connection.last.store(stream.saturating_sub(2), Ordering::Relaxed);
        }
        request.task = Some(self.tasks.spawn(connection.execute(stream, user, Arc::clone(&request.window), script)));
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0] & 0x7f, bytes[1], bytes[2], bytes[3]])
}

/// Literals without indexing (RFC 7541, 6.2.2), no Huffman; `:status` is name 8 of the static table.
fn header_block(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        assert!(text.len() < 127, "a header of a test is short");
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    };
    let mut out = vec![8];
    text(&mut out, &status.to_string());
    for (name, value) in headers {
        out.push(0);
        text(&mut out, name);
        text(&mut out, value);
    }
    out
}
