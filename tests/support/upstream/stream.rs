//! A connection's bytes, and how it can be broken.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::record::How;

/// A connection that can be reset.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes closing it send a RST.
    fn arm_reset(&self);
}

impl Stream for TcpStream {
    fn arm_reset(&self) {
        socket2::SockRef::from(self).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Stream for tokio_rustls::server::TlsStream<TcpStream> {
    fn arm_reset(&self) {
        self.get_ref().0.arm_reset();
    }
}

/// Ends when the peer closes. Bytes it sends until then are kept.
pub(super) async fn closing(read: &mut (impl AsyncRead + Unpin), held: &mut Vec<u8>) -> How {
    loop {
        match read.read_buf(held).await {
            Ok(0) => return How::Fin,
            Ok(_) => {}
            Err(error) => return how(&error),
        }
    }
}

pub(super) fn how(error: &std::io::Error) -> How {
    if error.kind() == ErrorKind::UnexpectedEof { How::Fin } else { How::Rst }
}
