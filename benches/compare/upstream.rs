//! The upstream: answers by path and by what the request's body asks for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::answers::{Format, STAMP, Script, headers, whole};

/// What the user's message holds when the answer is to be slow, and where the numbers begin.
pub const DIRECTIVE: &str = "(answer slowly: ";
const CHUNKS: usize = 64;

/// A streamed answer as it is on the wire.
struct Wire {
    head: Vec<u8>,
    /// The events, each as one chunk of the transfer coding.
    pieces: Vec<Piece>,
}

struct Piece {
    bytes: Vec<u8>,
    stamp: Option<usize>,
}

#[derive(Default)]
struct Answers {
    whole: HashMap<Format, Rc<Vec<u8>>>,
    streamed: HashMap<(Format, usize, bool), Rc<Wire>>,
}

/// Serves until the process ends.
pub async fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener: TcpListener = socket.listen(4096)?;
    let answers = Rc::new(RefCell::new(Answers::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Rc::clone(&answers);
        tokio::task::spawn_local(async move {
            // A connection that ends is the other side's business; a request that is not understood shows there as a cut answer.
            let _ = serve(stream, &answers).await;
        });
    }
}

async fn serve(mut stream: TcpStream, answers: &RefCell<Answers>) -> anyhow::Result<()> {
    let mut buffer = Vec::with_capacity(2048);
    loop {
        let Some(head) = read_head(&mut stream, &mut buffer).await? else { return Ok(()) };
        let (head_bytes, _) = buffer.split_at(head);
        let length = content_length(head_bytes).context("no content-length")?;
        let format = if memmem::find(head_bytes, b"/messages ").is_some() { Format::Anthropic } else { Format::OpenAi };
        buffer.reserve(length);
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the request was cut");
            }
        }
        let body = buffer.get(head..head + length).unwrap_or_default();
        let slow = slow(body);
        if memmem::find(body, b"\"stream\":true").is_some() {
            let (pause, chunks) = slow.unwrap_or((Duration::ZERO, CHUNKS));
            let wire = answers.borrow_mut().streamed(format, chunks, slow.is_some());
            send(&mut stream, &wire, pause).await?;
        } else {
            let whole = answers.borrow_mut().whole(format);
            stream.write_all(&whole).await?;
        }
        buffer.drain(..head + length);
        if buffer.is_empty() && slow.is_some() {
            // Thousands of these are open.
            buffer.shrink_to(2048);
        }
    }
}

/// Reads up to the blank line: the head's length, or `None` when the connection has ended.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Option<usize>> {
    loop {
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            return Ok(Some(end + 4));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Sends a stream, one write an event, so that it goes out as a model's tokens do.
async fn send(stream: &mut TcpStream, wire: &Wire, pause: Duration) -> anyhow::Result<()> {
    stream.write_all(&wire.head).await?;
    let mut due = Instant::now();
    let mut stamped = Vec::new();
    for piece in &wire.pieces {
        let Some(at) = piece.stamp else {
            stream.write_all(&piece.bytes).await?;
            continue;
        };
        tokio::time::sleep_until(due).await;
        due += pause;
        stamped.clear();
        stamped.extend_from_slice(&piece.bytes);
        if let Some(place) = stamped.get_mut(at..at + STAMP) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            place.copy_from_slice(format!("{now:019}").as_bytes());
        }
        stream.write_all(&stamped).await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).find_map(|(_, value)| value.trim().parse().ok())
}

/// The pause between chunks and the number of chunks that a body asks for.
fn slow(body: &[u8]) -> Option<(Duration, usize)> {
    let from = memmem::find(body, DIRECTIVE.as_bytes())? + DIRECTIVE.len();
    let asked = body.get(from..)?.split(|byte| *byte == b')').next()?;
    let (pause, chunks) = std::str::from_utf8(asked).ok()?.split_once(" ms, ")?;
    Some((Duration::from_millis(pause.parse().ok()?), chunks.parse().ok()?))
}

impl Answers {
    fn whole(&mut self, format: Format) -> Rc<Vec<u8>> {
        let made = self.whole.entry(format).or_insert_with(|| {
            let body = whole(format);
            let headers = headers(format);
            let length = body.len();
            Rc::new(
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}")
                    .into_bytes(),
            )
        });
        Rc::clone(made)
    }

    fn streamed(&mut self, format: Format, chunks: usize, stamped: bool) -> Rc<Wire> {
        let made = self.streamed.entry((format, chunks, stamped)).or_insert_with(|| Rc::new(Wire::new(format, chunks, stamped)));
        Rc::clone(made)
    }
}

impl Wire {
    fn new(format: Format, chunks: usize, stamped: bool) -> Self {
        let script = Script::new(format, chunks, stamped);
        let headers = headers(format);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n{headers}\
             transfer-encoding: chunked\r\n\r\n"
        );
        let mut stamps = script.stamps.iter().copied().peekable();
        let pieces = script.events().map(|place| {
            let mut bytes = format!("{:x}\r\n", place.len()).into_bytes();
            let stamp = stamps.next_if(|at| place.contains(at)).map(|at| at - place.start + bytes.len());
            bytes.extend_from_slice(script.bytes.get(place).unwrap_or_default());
            bytes.extend_from_slice(b"\r\n");
            Piece { bytes, stamp }
        });
        Self { head: head.into_bytes(), pieces: pieces.collect() }
    }
}
