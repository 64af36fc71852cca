//! What an HTTP/1.1 upstream does with a request: a list of operations, each a way in which a vendor or a network behaves.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::record::How;

/// Holds a script at one point until the test opens it: each opening lets one script pass once.
#[derive(Clone, Debug)]
pub struct Gate(pub(super) Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    /// Lets everything pass from now on.
    pub fn open_for_good(&self) {
        self.0.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    pub(super) async fn pass(self) {
        self.0.acquire().await.unwrap().forget();
    }
}

#[derive(Clone, Debug)]
pub(super) enum Op {
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
    /// Ends the connection, with a FIN or a RST, if no request comes for so long.
    CloseIdle(Duration, How),
    /// No more bytes, but the connection stays open for reading.
    HalfClose,
    Rst,
}

/// What to do after a request has been read. At its end the connection waits for the next request.
#[derive(Clone, Debug, Default)]
pub struct Script(pub(super) Vec<Op>);

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
        let length = body.as_ref().len();
        Self::answer_of(status, content_type, length, body)
    }

    /// An answer that says that its body has `length` bytes, whatever it has.
    pub fn answer_of(status: u16, content_type: &str, length: usize, body: impl AsRef<[u8]>) -> Self {
        Self::head(status, &[("content-type", content_type), ("content-length", &length.to_string())]).raw(body)
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/json", body.to_string())
    }

    /// The head of a chunked event stream.
    pub fn sse() -> Self {
        Self::head(200, &[("content-type", "text/event-stream"), ("transfer-encoding", "chunked")])
    }

    /// The same for one that [`gzip`] has compressed.
    pub fn sse_gzip() -> Self {
        Self::head(200, &[("content-type", "text/event-stream"), ("content-encoding", "gzip"), ("transfer-encoding", "chunked")])
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

    /// Chunks of `size` bytes.
    pub fn split_every(self, size: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.chunks(bytes.as_ref().chunks(size))
    }

    /// A chunk for every byte.
    pub fn drip(self, bytes: impl AsRef<[u8]>) -> Self {
        self.split_every(1, bytes)
    }

    /// The chunk that ends a chunked body.
    pub fn end(self) -> Self {
        self.raw("0\r\n\r\n")
    }

    /// A chunk again and again, without end.
    pub fn endless(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Op::Endless(chunk(bytes.as_ref())))
    }

    /// What another script does.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
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

    /// Closes the connection if no request comes for so long.
    pub fn close_idle(self, time: Duration, how: How) -> Self {
        self.then(Op::CloseIdle(time, how))
    }

    pub fn half_close(self) -> Self {
        self.then(Op::HalfClose)
    }

    pub fn rst(self) -> Self {
        self.then(Op::Rst)
    }

    /// Goes on with all of another script.
    pub fn followed_by(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    fn then(mut self, op: Op) -> Self {
        self.0.push(op);
        self
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Compresses bytes as `content-encoding: gzip` says.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
