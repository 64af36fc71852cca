//! A vendor that answers each request by a script, byte by byte and fault by fault, and records what it saw: requests,
//! connections, and when and how the peer closed them.

use std::collections::VecDeque;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::within;

/// Holds a script at one point until the test opens it: each opening lets one script pass once.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    pub fn open(&self) {
        self.0.add_permits(1);
    }
}

#[derive(Clone, Debug)]
enum Op {
    /// In one write.
    Write(Vec<u8>),
    /// Each piece in a write and, as far as it can be had, a packet of its own.
    Pieces(Vec<Vec<u8>>),
    /// The same bytes for as long as the peer takes them.
    Endless(Vec<u8>),
    Pause(Duration),
    Gate(Gate),
    /// Silence until the peer goes away.
    Never,
    Fin,
    /// No more bytes, but the connection stays open for reading.
    HalfClose,
    Rst,
}

/// What to do after a request has been read. At its end the connection waits for the next request.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<Op>);

impl Script {
    /// An answer's head with these headers and nothing else.
    pub fn head(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut text = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        Self(vec![Op::Write(format!("{text}\r\n").into_bytes())])
    }

    /// A whole answer.
    pub fn answer(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let length = body.as_ref().len().to_string();
        Self::head(status, &[("content-type", content_type), ("content-length", &length)]).raw(body)
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/json", body.to_string())
    }

    /// The head of a chunked event stream.
    pub fn sse() -> Self {
        Self::head(200, &[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    }

    pub fn silent() -> Self {
        Self::default().never()
    }

    pub fn raw(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Write(bytes.as_ref().to_vec()))
    }

    pub fn chunk(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Write(chunk(bytes.as_ref())))
    }

    /// One `data:` event, as a chunk.
    pub fn data(self, data: impl std::fmt::Display) -> Self {
        self.chunk(format!("data: {data}\n\n"))
    }

    /// Each piece as a chunk, in a packet of its own.
    pub fn chunks<'a>(self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.then(Op::Pieces(pieces.into_iter().filter(|piece| !piece.is_empty()).map(chunk).collect()))
    }

    /// Each piece as it is, in a packet of its own.
    pub fn pieces<'a>(self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.then(Op::Pieces(pieces.into_iter().map(<[u8]>::to_vec).collect()))
    }

    /// The chunk that ends a chunked body.
    pub fn end(self) -> Self {
        self.raw("0\r\n\r\n")
    }

    /// A chunk again and again, without end.
    pub fn endless(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Endless(chunk(bytes.as_ref())))
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

    pub fn fin(self) -> Self {
        self.then(Op::Fin)
    }

    pub fn half_close(self) -> Self {
        self.then(Op::HalfClose)
    }

    pub fn rst(self) -> Self {
        self.then(Op::Rst)
    }

    fn then(mut self, op: Op) -> Self {
        self.0.push(op);
        self
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub connection: usize,
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How the peer ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Fin,
    Rst,
}

/// The end of a connection as the peer made it.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    pub connection: usize,
    pub how: How,
    pub at: Instant,
}

/// Everything an upstream saw.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub connections: usize,
    pub requests: Vec<Seen>,
    /// Connections that the peer closed, in that order.
    pub closed: Vec<Closed>,
    /// Bytes the sockets took.
    pub written: usize,
}

struct Shared {
    record: watch::Sender<Record>,
    scripts: Mutex<VecDeque<Script>>,
    fallback: Mutex<Script>,
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

impl Upstream {
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// With TLS, by a certificate nobody trusts.
    pub async fn start_tls() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::serve(Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            record: watch::Sender::new(Record::default()),
            scripts: Mutex::default(),
            fallback: Mutex::new(Script::answer(500, "text/plain", "the test has no script for this request")),
        });
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut number = 0;
                accepting.record.send_modify(|record| {
                    record.connections += 1;
                    number = record.connections;
                });
                let connection = Connection { number, shared: Arc::clone(&accepting), held: Vec::new() };
                let tls = tls.clone();
                connections.spawn(async move {
                    match tls {
                        None => connection.run(stream).await,
                        Some(tls) => {
                            // A peer that does not trust the certificate goes away here.
                            if let Ok(stream) = tls.accept(stream).await {
                                connection.run(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared, task: task.abort_handle() }
    }

    /// The script for the next request that has none.
    pub fn script(&self, script: Script) {
        self.shared.scripts.lock().unwrap().push_back(script);
    }

    /// The script for every request beyond those.
    pub fn always(&self, script: Script) {
        *self.shared.fallback.lock().unwrap() = script;
    }

    pub fn record(&self) -> Record {
        self.shared.record.borrow().clone()
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.record().requests
    }

    /// Waits until `state` gives something for the record.
    pub async fn wait<T>(&self, what: &str, mut state: impl FnMut(&Record) -> Option<T>) -> T {
        let mut record = self.shared.record.subscribe();
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

struct Connection {
    number: usize,
    shared: Arc<Shared>,
    /// Bytes read and not used yet.
    held: Vec<u8>,
}

/// The connection is over.
struct Over;

impl Connection {
    async fn run(mut self, stream: impl Stream) {
        let mut stream = stream;
        while let Ok(()) = self.exchange(&mut stream).await {}
    }

    async fn exchange(&mut self, stream: &mut impl Stream) -> Result<(), Over> {
        let seen = self.request(stream).await?;
        self.shared.record.send_modify(|record| record.requests.push(seen));
        let script = self.shared.scripts.lock().unwrap().pop_front();
        let script = script.unwrap_or_else(|| self.shared.fallback.lock().unwrap().clone());
        for op in script.0 {
            self.execute(op, stream).await?;
        }
        Ok(())
    }

    async fn execute(&mut self, op: Op, stream: &mut impl Stream) -> Result<(), Over> {
        match op {
            Op::Write(bytes) => self.write(stream, &bytes).await,
            Op::Pieces(pieces) => {
                for piece in pieces {
                    self.write(stream, &piece).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Op::Endless(bytes) => loop {
                self.write(stream, &bytes).await?;
            },
            Op::Pause(time) => self.unless_closed(stream, tokio::time::sleep(time)).await,
            Op::Gate(gate) => self.unless_closed(stream, async move { gate.0.acquire().await.unwrap().forget() }).await,
            Op::Never => self.unless_closed(stream, std::future::pending()).await,
            Op::Fin => Err(Over),
            Op::HalfClose => {
                let _ = stream.shutdown().await;
                self.unless_closed(stream, std::future::pending()).await
            }
            Op::Rst => {
                stream.arm_reset();
                Err(Over)
            }
        }
    }

    /// Writes, watching all the while whether the peer goes away.
    async fn write(&mut self, stream: &mut impl Stream, mut bytes: &[u8]) -> Result<(), Over> {
        while !bytes.is_empty() {
            let (mut read, mut write) = tokio::io::split(&mut *stream);
            tokio::select! {
                biased;
                written = write.write(bytes) => {
                    let Ok(count) = written else {
                        self.closed(How::Rst);
                        return Err(Over);
                    };
                    bytes = bytes.get(count..).unwrap_or_default();
                    self.shared.record.send_modify(|record| record.written += count);
                }
                how = closing(&mut read, &mut self.held) => {
                    self.closed(how);
                    return Err(Over);
                }
            }
        }
        Ok(())
    }

    async fn unless_closed(&mut self, stream: &mut impl Stream, future: impl Future<Output = ()>) -> Result<(), Over> {
        tokio::select! {
            () = future => Ok(()),
            how = closing(stream, &mut self.held) => {
                self.closed(how);
                Err(Over)
            }
        }
    }

    fn closed(&self, how: How) {
        let closed = Closed { connection: self.number, how, at: Instant::now() };
        self.shared.record.send_modify(|record| record.closed.push(closed));
    }

    async fn request(&mut self, stream: &mut impl Stream) -> Result<Seen, Over> {
        let end = loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                break end;
            }
            self.fill(stream).await?;
        };
        let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
        self.held.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut seen = Seen { connection: self.number, method, path, headers, body: Vec::new() };
        seen.body = if seen.header("transfer-encoding").is_some() {
            self.chunked(stream).await?
        } else {
            let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
            self.exactly(length, stream).await?
        };
        Ok(seen)
    }

    async fn exactly(&mut self, length: usize, stream: &mut impl Stream) -> Result<Vec<u8>, Over> {
        while self.held.len() < length {
            self.fill(stream).await?;
        }
        Ok(self.held.drain(..length).collect())
    }

    async fn chunked(&mut self, stream: &mut impl Stream) -> Result<Vec<u8>, Over> {
        let mut body = Vec::new();
        loop {
            let Some(line) = find(&self.held, b"\r\n") else {
                self.fill(stream).await?;
                continue;
            };
            let size = usize::from_str_radix(&String::from_utf8_lossy(&self.held[..line]), 16).unwrap();
            self.held.drain(..line + 2);
            let chunk = self.exactly(size + 2, stream).await?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn fill(&mut self, stream: &mut impl Stream) -> Result<(), Over> {
        let how = match stream.read_buf(&mut self.held).await {
            Ok(0) => How::Fin,
            Ok(_) => return Ok(()),
            Err(error) => how(&error),
        };
        self.closed(how);
        Err(Over)
    }
}

/// Ends when the peer closes. Bytes it sends until then are kept.
async fn closing(read: &mut (impl AsyncRead + Unpin), held: &mut Vec<u8>) -> How {
    loop {
        match read.read_buf(held).await {
            Ok(0) => return How::Fin,
            Ok(_) => {}
            Err(error) => return how(&error),
        }
    }
}

fn how(error: &std::io::Error) -> How {
    if error.kind() == ErrorKind::UnexpectedEof { How::Fin } else { How::Rst }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A connection that can be reset.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes closing it send a RST.
    fn arm_reset(&self);
}

impl Stream for TcpStream {
    fn arm_reset(&self) {
        socket2::SockRef::from(self).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn arm_reset(&self) {
        self.get_ref().0.arm_reset();
    }
}
