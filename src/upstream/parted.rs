//! The body of an answer whose head hyper has read and whose connection it has given back: read from the socket as it is asked
//! for. Nothing lies between the two but a buffer that is as large as what comes in one go.

use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, HeaderMap, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderName, Version};
use http_body::SizeHint;
use tokio::io::AsyncReadExt;

use super::chunked::Chunked;
use super::error::{SendError, SendErrorKind};
use super::stream::Stream;

/// What is read in one go: at first, and at most. A slice of it that waits for a slow client keeps all of it in memory, so it is small.
const FIRST_READ: usize = 1 << 10;
const MOST_READ: usize = 16 << 10;
/// By this factor it grows when a read has filled it, and shrinks when so many reads in a row would have fitted.
const GROWTH: usize = 4;
const SMALL_READS: u8 = 4;

/// See the module.
pub(super) struct Parted {
    stream: Stream,
    framing: Framing,
    /// Whether another request may follow on the connection.
    is_kept: bool,
    /// What was read and not yet given out.
    buffer: BytesMut,
    /// How much is read in one go.
    read: usize,
    /// So many reads in a row have got little.
    small: u8,
}

/// What says where a body ends (RFC 9112, 6.3).
enum Framing {
    Chunked(Chunked),
    /// So many bytes are still to come.
    Length(u64),
    Close,
    Over,
}

impl Framing {
    fn is_broken(&self) -> bool {
        matches!(self, Self::Chunked(chunked) if chunked.is_broken())
    }
}

impl Parted {
    /// A body of which `rest` has come. `length` is what hyper makes of its head: 0 where an answer has no body, whatever else it says.
    pub(super) fn new(stream: Stream, rest: BytesMut, head: &Parts, length: Option<u64>) -> Self {
        let framing = if length == Some(0) {
            Framing::Over
        } else if let Some(length) = length {
            Framing::Length(length)
        } else if tokens(&head.headers, &TRANSFER_ENCODING).last().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            Framing::Chunked(Chunked::new())
        } else {
            Framing::Close
        };
        let closes = tokens(&head.headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("close"));
        let is_kept = head.version == Version::HTTP_11 && !closes && !matches!(framing, Framing::Close);
        Self { stream, framing, is_kept, buffer: rest, read: FIRST_READ, small: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.framing, Framing::Over)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            Framing::Over => SizeHint::with_exact(0),
            Framing::Chunked(_) | Framing::Close => SizeHint::default(),
        }
    }

    /// The connection, if the body is over and another request may follow. Bytes that nobody has asked for are no good beginning.
    pub(super) fn into_stream(self) -> Option<Stream> {
        (self.is_over() && self.is_kept && self.buffer.is_empty()).then_some(self.stream)
    }

    /// The next bytes; `None` at the clean end.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, SendError>>> {
        loop {
            if self.is_over() {
                return Poll::Ready(None);
            }
            if !self.buffer.is_empty() || self.framing.is_broken() {
                match self.take() {
                    Ok(data) if data.is_empty() => continue,
                    taken => return Poll::Ready(Some(taken)),
                }
            }
            match (ready!(self.poll_read(cx)), &self.framing) {
                (Ok(0), Framing::Close) => self.framing = Framing::Over,
                (Ok(0), _) => {
                    let error = SendError::new(SendErrorKind::Reset, "the connection closed within the body");
                    return Poll::Ready(Some(Err(error)));
                }
                (Ok(_), _) => {}
                (Err(error), _) => return Poll::Ready(Some(Err(SendError::new(SendErrorKind::Reset, error)))),
            }
        }
    }

    /// The data in the buffer, without what frames it.
    fn take(&mut self) -> Result<Bytes, SendError> {
        let there = self.buffer.len();
        let (data, taken): (Range<usize>, usize) = match &mut self.framing {
            Framing::Chunked(chunked) => {
                let taken = chunked.take(&mut self.buffer).map_err(|broken| SendError::new(SendErrorKind::Protocol, broken.0))?;
                if chunked.is_over() {
                    self.framing = Framing::Over;
                }
                taken
            }
            Framing::Length(left) => {
                let taken = usize::try_from(*left).map_or(there, |left| left.min(there));
                *left -= taken as u64;
                if *left == 0 {
                    self.framing = Framing::Over;
                }
                (0..taken, taken)
            }
            Framing::Close => (0..there, there),
            Framing::Over => (0..0, 0),
        };
        let mut piece = self.buffer.split_to(taken);
        piece.truncate(data.end);
        piece.advance(data.start);
        Ok(piece.freeze())
    }

    /// Reads into the buffer, which is empty. Its memory is used again if nobody holds what was in it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        if self.small == SMALL_READS {
            self.read /= GROWTH;
            self.small = 0;
            self.buffer = BytesMut::new();
        }
        if self.buffer.capacity() < self.read / 4 {
            self.buffer.reserve(self.read);
        }
        let space = self.buffer.capacity();
        let read = ready!(pin!(self.stream.read_buf(&mut self.buffer)).poll(cx))?;
        if read == space && space >= self.read {
            self.read = (self.read * GROWTH).min(MOST_READ);
        }
        self.small = if read <= self.read / GROWTH && self.read > FIRST_READ { self.small + 1 } else { 0 };
        Poll::Ready(Ok(read))
    }
}

/// What stands between the commas of a header's values.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");
    const CLOSE: (&str, &str) = ("connection", "close");

    struct Peer {
        to: TcpStream,
        parted: Parted,
    }

    impl Peer {
        async fn new(headers: &[(&'static str, &'static str)], length: Option<u64>, rest: &[u8]) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (to, _) = listener.accept().await.unwrap();
            to.set_nodelay(true).unwrap();
            let mut response = http::Response::new(());
            for (name, value) in headers {
                response.headers_mut().append(*name, value.parse().unwrap());
            }
            let head = response.into_parts().0;
            Self { to, parted: Parted::new(Stream::Plain(stream), BytesMut::from(rest), &head, length) }
        }

        async fn next(&mut self) -> Option<Result<Bytes, SendError>> {
            poll_fn(|cx| self.parted.poll_data(cx)).await
        }

        async fn all(&mut self) -> Result<String, SendErrorKind> {
            let mut all = Vec::new();
            while let Some(piece) = self.next().await {
                all.extend_from_slice(&piece.map_err(|error| error.kind)?);
            }
            Ok(String::from_utf8(all).unwrap())
        }
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_and_no_further_wherever_it_is_split() {
        let bodies: [(&[_], _, &str); 4] = [
            (&[CHUNKED], None, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
            (&[("transfer-encoding", "gzip, Chunked")], None, "b\r\nhello world\r\n0\r\n\r\n"),
            (&[], Some(11), "hello world"),
            (&[CHUNKED, CLOSE], None, "b\r\nhello world\r\n0\r\nA: b\r\n\r\n"),
        ];
        for (headers, length, body) in bodies {
            for split in 0..=body.len() {
                let (first, second) = body.as_bytes().split_at(split);
                let mut peer = Peer::new(headers, length, first).await;
                peer.to.write_all(second).await.unwrap();
                assert_eq!(peer.all().await.as_deref(), Ok("hello world"), "{body:?} split at {split}");
                assert_eq!(peer.parted.into_stream().is_some(), !headers.contains(&CLOSE), "{body:?} split at {split}");
            }
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_its_connection() {
        let mut peer = Peer::new(&[], None, b"hello").await;
        peer.to.write_all(b" world").await.unwrap();
        peer.to.shutdown().await.unwrap();
        assert_eq!(peer.all().await.as_deref(), Ok("hello world"));
        assert!(peer.parted.into_stream().is_none());
    }

    #[tokio::test]
    async fn no_body_is_over_at_once() {
        let mut peer = Peer::new(&[], Some(0), b"").await;
        assert!(peer.parted.is_over());
        assert!(peer.next().await.is_none());
        assert!(peer.parted.into_stream().is_some());
        let peer = Peer::new(&[], Some(0), b"unasked").await;
        assert!(peer.parted.into_stream().is_none(), "it has bytes that belong to nothing");
    }

    #[tokio::test]
    async fn a_cut_and_a_lie_are_no_end() {
        let bodies: [(&[_], _, _, _); 3] = [
            (&[CHUNKED], None, "5\r\nhello\r\n", SendErrorKind::Reset),
            (&[], Some(9), "hello", SendErrorKind::Reset),
            (&[CHUNKED], None, "5\r\nhello!\r\n0\r\n\r\n", SendErrorKind::Protocol),
        ];
        for (headers, length, body, kind) in bodies {
            let mut peer = Peer::new(headers, length, body.as_bytes()).await;
            peer.to.shutdown().await.unwrap();
            assert_eq!(peer.next().await.unwrap().unwrap(), "hello", "{body:?}");
            assert_eq!(peer.all().await, Err(kind), "{body:?}");
            assert!(peer.parted.into_stream().is_none());
        }
    }

    #[tokio::test]
    async fn small_pieces_come_in_the_same_small_memory() {
        let mut peer = Peer::new(&[CHUNKED], None, b"").await;
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..50 {
            peer.to.write_all(b"5\r\nhello\r\n").await.unwrap();
            let piece = peer.next().await.unwrap().unwrap();
            assert_eq!(piece, "hello");
            places.insert(piece.as_ptr() as usize);
        }
        let span = places.last().unwrap() - places.first().unwrap();
        assert!(span < FIRST_READ, "{span} bytes apart");
    }

    #[tokio::test]
    async fn the_buffer_grows_with_what_comes_and_shrinks_again() {
        let mut peer = Peer::new(&[], Some(1 << 30), b"").await;
        peer.to.write_all(&vec![b'x'; 64 << 10]).await.unwrap();
        let mut largest = 0;
        let mut left: usize = 64 << 10;
        while left > 0 {
            let piece = peer.next().await.unwrap().unwrap();
            left -= piece.len();
            largest = largest.max(piece.len());
        }
        assert_eq!(peer.parted.read, MOST_READ);
        assert!(largest >= MOST_READ / 2, "{largest}");
        for _ in 0..20 {
            peer.to.write_all(b"x").await.unwrap();
            peer.next().await.unwrap().unwrap();
        }
        assert_eq!(peer.parted.read, FIRST_READ);
        assert!(peer.parted.buffer.capacity() <= 2 * FIRST_READ);
    }
}
