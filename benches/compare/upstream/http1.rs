//! HTTP/1.1, read and written by hand.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::wire::Piece;
use super::{Asked, Shared};

/// Answers the requests of one connection.
pub async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Rc<Shared>) -> anyhow::Result<()> {
    let mut buffer = Vec::with_capacity(2048);
    let mut answered = 0;
    loop {
        let Some(head) = read_head(&mut stream, &mut buffer).await? else { return Ok(()) };
        let (head_bytes, _) = buffer.split_at(head);
        let length = content_length(head_bytes).context("no content-length")?;
        buffer.reserve(length);
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                bail!("the request was cut");
            }
        }
        let path = buffer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let asked = Asked::new(path, buffer.get(head..head + length).unwrap_or_default());
        shared.counts.requests.add();
        answered += 1;
        let last = answered == shared.closes;
        let head_of_answer = shared.answers.borrow_mut().head(&asked, last);
        if asked.stream {
            let pieces = shared.answers.borrow_mut().streamed(&asked);
            stream.write_all(&head_of_answer).await?;
            send(&mut stream, asked.pause, &pieces).await?;
        } else {
            let body = shared.answers.borrow_mut().whole(asked.format);
            stream.write_all(&[head_of_answer, body].concat()).await?;
        }
        stream.flush().await?;
        if last {
            return Ok(stream.shutdown().await?);
        }
        buffer.drain(..head + length);
        if buffer.is_empty() && asked.stamped {
            // Thousands of these are open.
            buffer.shrink_to(2048);
        }
    }
}

/// Reads up to the blank line: the head's length, or `None` when the connection has ended.
async fn read_head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> anyhow::Result<Option<usize>> {
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
async fn send(stream: &mut (impl AsyncWrite + Unpin), pause: Duration, pieces: &[Piece]) -> anyhow::Result<()> {
    let mut due = Instant::now();
    for piece in pieces {
        if piece.is_content() {
            stream.flush().await?;
            tokio::time::sleep_until(due).await;
            due += pause;
        }
        stream.write_all(&piece.framed()?).await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).find_map(|(_, value)| value.trim().parse().ok())
}
