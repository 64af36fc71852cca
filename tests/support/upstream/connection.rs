//! The HTTP/1.1 side of a scripted upstream.

use std::future::Future;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::Shared;
use super::record::{Closed, How, Seen};
use super::script::Op;
use super::stream::{Stream, closing, how};

/// One connection, from its first request to its end.
pub(super) struct Connection {
    pub number: usize,
    pub shared: Arc<Shared>,
    /// Bytes read and not used yet.
    pub held: Vec<u8>,
}

/// The connection is over.
struct Over;

impl Connection {
    pub(super) async fn run(mut self, stream: impl Stream) {
        let mut stream = stream;
        while let Ok(()) = self.exchange(&mut stream).await {}
    }

    /// Reads until the peer goes away.
    pub(super) async fn ignore(mut self, mut stream: impl Stream) {
        let how = closing(&mut stream, &mut self.held).await;
        self.closed(how);
    }

    async fn exchange(&mut self, stream: &mut impl Stream) -> Result<(), Over> {
        let seen = self.request(stream).await?;
        let script = self.shared.scripts.next(&seen);
        self.shared.record.send_modify(|record| record.requests.push(seen));
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
            Op::Gate(gate) => self.unless_closed(stream, gate.pass()).await,
            Op::Never => self.unless_closed(stream, std::future::pending()).await,
            Op::Fin => {
                self.hung_up();
                Err(Over)
            }
            Op::CloseIdle(time, how) => {
                match tokio::time::timeout(time, self.fill(stream)).await {
                    Ok(filled) => return filled,
                    Err(_) if how == How::Rst => stream.arm_reset(),
                    Err(_) => {}
                }
                self.hung_up();
                Err(Over)
            }
            Op::HalfClose => {
                let _ = stream.shutdown().await;
                self.unless_closed(stream, std::future::pending()).await
            }
            Op::Rst => {
                self.hung_up();
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

    fn hung_up(&self) {
        self.shared.record.send_modify(|record| record.hung_up += 1);
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

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
