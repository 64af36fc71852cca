//! A kept answer. Only answers with the status 200 are kept.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::time::Instant;

/// What an entry takes beside its body, roughly: its key, its headers, its place in the store.
const OVERHEAD: usize = 512;

/// An answer as its client was given it.
pub struct Entry {
    /// The headers that belong to the answer and not to the exchange it came by.
    pub headers: HeaderMap,
    /// Request fields the target could not express.
    pub dropped: Vec<String>,
    body: Bytes,
    /// Where each piece of the body ends.
    ends: Box<[u32]>,
    expires: Instant,
}

impl Entry {
    /// The pieces are copied into one allocation: they are slices of read buffers that are many times as large, and would
    /// keep those alive.
    pub(super) fn new(headers: HeaderMap, dropped: Vec<String>, pieces: &[Bytes], expires: Instant) -> Self {
        let mut body = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
        let mut ends = Vec::with_capacity(pieces.len());
        for piece in pieces {
            body.extend_from_slice(piece);
            ends.push(u32::try_from(body.len()).unwrap_or(u32::MAX));
        }
        Self { headers, dropped, body: body.freeze(), ends: ends.into(), expires }
    }

    /// The body whole.
    pub fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// One piece of the body, as it was first sent; `None` behind the last.
    pub fn piece(&self, at: usize) -> Option<Bytes> {
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        Some(self.body.slice(start.min(self.body.len())..end.min(self.body.len())))
    }

    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    /// The memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.body.len() + size_of_val(&*self.ends) + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_as_they_were_and_keep_nothing_else_alive() {
        let buffer = Bytes::from(vec![b'x'; 1 << 16]);
        let pieces = [buffer.slice(10..20), Bytes::from_static(b""), Bytes::from_static(b"hello")];
        let entry = Entry::new(HeaderMap::new(), Vec::new(), &pieces, Instant::now());
        let back: Vec<Bytes> = (0..).map_while(|at| entry.piece(at)).collect();
        assert_eq!(back, pieces);
        assert_eq!(entry.body(), "xxxxxxxxxxhello");
        drop(pieces);
        assert!(buffer.is_unique());
        assert!(entry.size() < 1 << 10);
    }
}
