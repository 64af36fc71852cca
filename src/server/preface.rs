//! HTTP/1 or HTTP/2 on a plaintext connection: told by the client's first bytes (RFC 9113, 3.4).

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often a preface that comes in pieces is looked at again: readiness tells only of the first piece.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Whether the client speaks HTTP/2. Nothing is taken from the socket.
pub(super) async fn is_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        let begun = seen.get(..count).unwrap_or_default();
        if count == 0 || !PREFACE.starts_with(begun) {
            return Ok(false);
        }
        if count == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
