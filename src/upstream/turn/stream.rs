//! A TCP connection whose small writes go out at the turn's end.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::Turn;
use super::out::Out;

/// See the module. Whatever is polled of it also settles what the socket did not take at the turn's end.
pub struct TurnStream {
    half: OwnedReadHalf,
    out: Arc<Out>,
    turn: Arc<Turn>,
}

impl TurnStream {
    pub fn new(stream: TcpStream, turn: Arc<Turn>) -> Self {
        let (half, out) = stream.into_split();
        Self { half, out: Arc::new(Out::new(out)), turn }
    }

    /// Writes all that was put off.
    fn poll_settle(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.is_listed() {
            self.turn.flush();
        }
        if self.out.is_owing() { self.out.poll_settle(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for TurnStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.out.is_owing()
            && let Poll::Ready(Err(error)) = this.out.poll_settle(cx)
        {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut this.half).poll_read(cx, buf)
    }
}

impl AsyncWrite for TurnStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if !self.out.is_owing()
            && let Some(length) = self.turn.put_off(&self.out, bufs, cx.waker())
        {
            return Poll::Ready(Ok(length));
        }
        ready!(self.poll_settle(cx))?;
        let socket = self.out.socket()?;
        loop {
            ready!(socket.poll_write_ready(cx))?;
            match socket.try_write_vectored(bufs) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What is on the list goes out by itself.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.out.is_owing() { self.out.poll_settle(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settle(cx))?;
        Poll::Ready(SockRef::from(self.out.socket()?).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::base::woken::task;
    use crate::upstream::turn::{LARGEST, MOST};

    async fn pair(turn: &Arc<Turn>) -> (TurnStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (peer, _) = listener.accept().await.unwrap();
        (TurnStream::new(stream, Arc::clone(turn)), peer)
    }

    fn busy() -> Arc<Turn> {
        Turn::new(|| true)
    }

    /// What has come, without waiting for more: on the loopback what is written is there.
    fn there(peer: &std::net::TcpStream) -> String {
        let mut bytes = [0; 100];
        let count = std::io::Read::read(&mut &*peer, &mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    #[tokio::test]
    async fn small_writes_wait_for_the_turns_end_in_their_order() {
        let turn = busy();
        let (mut stream, peer) = pair(&turn).await;
        let peer = peer.into_std().unwrap();
        stream.write_all(b"a").await.unwrap();
        stream.write_all(b"b").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(there(&peer), "");
        turn.flush();
        assert_eq!(there(&peer), "ab");
        // What is written at once does not come before what was put off.
        stream.write_all(b"c").await.unwrap();
        stream.write_all(&[b'd'; LARGEST + 1]).await.unwrap();
        assert_eq!(there(&peer)[..2], *"cd");
        // Neither does the end.
        let (mut stream, peer) = pair(&turn).await;
        let peer = peer.into_std().unwrap();
        stream.write_all(b"e").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(there(&peer), "e");
        assert_eq!(std::io::Read::read(&mut &peer, &mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn nothing_waits_where_there_is_no_other_work() {
        let is_busy = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&is_busy);
        let turn = Turn::new(move || asked.load(Ordering::Relaxed));
        let (mut stream, peer) = pair(&turn).await;
        let peer = peer.into_std().unwrap();
        stream.write_all(b"a").await.unwrap();
        is_busy.store(false, Ordering::Relaxed);
        stream.write_all(b"b").await.unwrap();
        assert_eq!(there(&peer), "ab");
    }

    #[tokio::test]
    async fn the_turn_ends_behind_what_was_ready() {
        let turn = busy();
        let (mut stream, mut peer) = pair(&turn).await;
        tokio::spawn(async move { turn.run().await });
        tokio::task::yield_now().await;
        for text in ["a", "b"] {
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut got = [0];
            peer.read_exact(&mut got).await.unwrap();
            assert_eq!(got, text.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_a_full_socket_does_not_take_goes_out_later() {
        let turn = busy();
        let (mut stream, mut peer) = pair(&turn).await;
        let (waker, woken) = task();
        let mut cx = Context::from_waker(&waker);
        let large = vec![b'x'; 1 << 20];
        let mut written = 0;
        while let Poll::Ready(more) = Pin::new(&mut stream).poll_write(&mut cx, &large) {
            written += more.unwrap();
        }
        woken();
        assert!(matches!(Pin::new(&mut stream).poll_write(&mut cx, b"abc"), Poll::Ready(Ok(3))));
        assert!(Pin::new(&mut stream).poll_flush(&mut cx).is_ready());
        turn.flush();
        assert_eq!(woken(), 1, "it is told that there is something to settle");
        assert!(Pin::new(&mut stream).poll_flush(&mut cx).is_pending());
        assert!(Pin::new(&mut stream).poll_write(&mut cx, b"d").is_pending(), "nothing goes before it");

        let read = async {
            let mut all = vec![0; written + 4];
            peer.read_exact(&mut all).await.unwrap();
            all
        };
        let write = async {
            stream.flush().await.unwrap();
            stream.write_all(b"d").await.unwrap();
            turn.flush();
        };
        let (all, ()) = tokio::join!(read, write);
        assert_eq!(all[written..], *b"abcd");
    }

    #[tokio::test]
    async fn of_two_writes_in_a_turn_the_second_waits_for_what_the_first_has_left() {
        let turn = busy();
        let (mut stream, mut peer) = pair(&turn).await;
        let mut cx = Context::from_waker(Waker::noop());
        let large = vec![b'x'; 1 << 20];
        let mut written = 0;
        while let Poll::Ready(more) = Pin::new(&mut stream).poll_write(&mut cx, &large) {
            written += more.unwrap();
        }
        stream.out.write(b"a");
        peer.read_exact(&mut vec![0; written]).await.unwrap();
        stream.out.socket().unwrap().writable().await.unwrap();
        stream.out.write(b"b");
        stream.flush().await.unwrap();
        drop(stream);
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"ab");
    }

    #[tokio::test]
    async fn an_error_is_told_with_what_comes_next() {
        let turn = busy();
        let (mut stream, peer) = pair(&turn).await;
        SockRef::from(&peer).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(peer);
        stream.half.readable().await.unwrap();
        stream.write_all(b"a").await.unwrap();
        turn.flush();
        assert!(stream.write_all(b"b").await.is_err());
    }

    #[tokio::test]
    async fn what_was_put_off_outlives_its_stream() {
        let turn = busy();
        let (mut stream, mut peer) = pair(&turn).await;
        stream.write_all(b"a").await.unwrap();
        drop(stream);
        turn.flush();
        let mut got = Vec::new();
        peer.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"a");
    }

    #[tokio::test]
    async fn a_long_turn_ends_by_itself() {
        let turn = busy();
        let (mut stream, mut peer) = pair(&turn).await;
        for _ in 0..=MOST / LARGEST {
            stream.write_all(&[b'x'; LARGEST]).await.unwrap();
        }
        peer.read_exact(&mut [0; MOST]).await.unwrap();
    }
}
