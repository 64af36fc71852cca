//! The upstream: answers by path and by what the request's body asks for, under TLS if it is told to.

mod counts;
mod http1;
mod http2;
mod tls;
mod wire;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use self::counts::Counts;
use self::wire::Answers;
use crate::answers::Format;

/// What the user's message holds when the answer is to be slow, and where the numbers begin.
pub const DIRECTIVE: &str = "(answer slowly: ";
const CHUNKS: usize = 64;

/// How the upstream serves.
pub struct Setup {
    pub listen: SocketAddr,
    /// Serves under TLS: a certificate for `localhost` is made and written there.
    pub tls: Option<PathBuf>,
    /// Speaks HTTP/2 with clients that can; under TLS only.
    pub http2: bool,
    /// Closes each connection after so many answers; 0: never.
    pub closes: usize,
    /// Where `Counts` can be read, without TLS.
    pub counts: Option<SocketAddr>,
}

/// What all connections share.
struct Shared {
    answers: RefCell<Answers>,
    counts: Counts,
    closes: usize,
}

/// Serves until the process ends.
pub async fn run(setup: Setup) -> anyhow::Result<()> {
    let acceptor = setup.tls.map(|file| tls::acceptor(&file, setup.http2)).transpose()?;
    let listener = listen(setup.listen)?;
    let shared = Rc::new(Shared { answers: RefCell::default(), counts: Counts::default(), closes: setup.closes });
    if let Some(address) = setup.counts {
        let (counts, shared) = (listen(address)?, Rc::clone(&shared));
        tokio::task::spawn_local(async move { shared.counts.serve(counts).await });
    }
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (shared, acceptor) = (Rc::clone(&shared), acceptor.clone());
        tokio::task::spawn_local(async move {
            shared.counts.connections.add();
            // A connection that ends is the other side's business; a request that is not understood shows there as a cut answer.
            let _ = match acceptor {
                None => http1::serve(stream, &shared).await,
                Some(acceptor) => secure(stream, &acceptor, &shared).await,
            };
        });
    }
}

async fn secure(stream: TcpStream, acceptor: &TlsAcceptor, shared: &Rc<Shared>) -> anyhow::Result<()> {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            shared.counts.failed.add();
            return Err(error.into());
        }
    };
    let session = stream.get_ref().1;
    shared.counts.handshake(session.handshake_kind());
    if session.alpn_protocol() == Some(tls::HTTP2) {
        shared.counts.http2.add();
        return http2::serve(stream, shared).await;
    }
    http1::serve(stream, shared).await
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(4096)?)
}

/// What a request asks for.
struct Asked {
    format: Format,
    stream: bool,
    chunks: usize,
    /// The pause between content events.
    pause: Duration,
    /// Content events bear the time at which they were sent.
    stamped: bool,
}

impl Asked {
    fn new(path: &[u8], body: &[u8]) -> Self {
        let slow = slow(body);
        let (pause, chunks) = slow.unwrap_or((Duration::ZERO, CHUNKS));
        Self {
            format: if path.ends_with(b"/messages") { Format::Anthropic } else { Format::OpenAi },
            stream: memmem::find(body, b"\"stream\":true").is_some(),
            chunks,
            pause,
            stamped: slow.is_some(),
        }
    }
}

/// The pause between chunks and the number of chunks that a body asks for.
fn slow(body: &[u8]) -> Option<(Duration, usize)> {
    let from = memmem::find(body, DIRECTIVE.as_bytes())? + DIRECTIVE.len();
    let asked = body.get(from..)?.split(|byte| *byte == b')').next()?;
    let (pause, chunks) = std::str::from_utf8(asked).ok()?.split_once(" ms, ")?;
    Some((Duration::from_millis(pause.parse().ok()?), chunks.parse().ok()?))
}
