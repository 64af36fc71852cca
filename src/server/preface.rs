//! HTTP/1 or HTTP/2 on a plaintext connection: told by the client's first bytes (RFC 9113, 3.4).

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How soon a preface that comes in pieces is looked at again: readiness tells only of the first piece. Who takes long is looked
/// at less often.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const LOOK_AGAIN_AT_LAST: Duration = Duration::from_secs(1);

/// Whether the client speaks HTTP/2. Its first byte has to come within `idle`, what tells it apart within `head` after that.
/// Nothing is taken from the socket.
pub(super) async fn is_http2(stream: &TcpStream, idle: Duration, head: Duration) -> io::Result<bool> {
    tokio::time::timeout(idle, stream.readable()).await??;
    tokio::time::timeout(head, told_apart(stream)).await?
}

async fn told_apart(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    let mut wait = LOOK_AGAIN;
    loop {
        let count = stream.peek(&mut seen).await?;
        let begun = seen.get(..count).unwrap_or_default();
        if count == 0 || !PREFACE.starts_with(begun) {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOK_AGAIN_AT_LAST);
    }
}
