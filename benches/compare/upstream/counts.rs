//! What the upstream saw.

use std::cell::Cell;

use rustls::HandshakeKind;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
pub struct Count(Cell<u64>);

impl Count {
    pub fn add(&self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Counts since the start.
#[derive(Default)]
pub struct Counts {
    pub connections: Count,
    /// Of the connections, those with HTTP/2.
    pub http2: Count,
    /// Handshakes with a certificate.
    pub full: Count,
    /// Handshakes that continued a session.
    pub resumed: Count,
    /// Handshakes that came to nothing.
    pub failed: Count,
    /// Requests; with HTTP/2 these are streams.
    pub requests: Count,
}

impl Counts {
    pub fn handshake(&self, kind: Option<HandshakeKind>) {
        if kind == Some(HandshakeKind::Resumed) { self.resumed.add() } else { self.full.add() }
    }

    /// Answers every request with the counts, as JSON.
    pub async fn serve(&self, listener: TcpListener) {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                // Who asked and is gone does not want the answer.
                let _ = self.answer(stream).await;
            }
        }
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await? > 0 {}
        let [connections, http2, full, resumed, failed, requests] =
            [&self.connections, &self.http2, &self.full, &self.resumed, &self.failed, &self.requests].map(|count| count.0.get());
        let body = json!({
            "connections": connections,
            "http2": http2,
            "full": full,
            "resumed": resumed,
            "failed": failed,
            "requests": requests,
        })
        .to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await
    }
}
