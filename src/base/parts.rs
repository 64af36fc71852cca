//! Bytes in one piece or two, for a long text of which something short was replaced near an end: the long piece is not copied, and
//! both are written at once.

use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    first: Bytes,
    second: Bytes,
}

impl From<Bytes> for Parts {
    fn from(whole: Bytes) -> Self {
        Self { first: whole, second: Bytes::new() }
    }
}

impl Parts {
    pub fn new(first: Bytes, second: Bytes) -> Self {
        Self { first, second }
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.second.is_empty()
    }

    /// All in one piece, copied if there are two.
    pub fn joined(&self) -> Bytes {
        match (self.first.is_empty(), self.second.is_empty()) {
            (_, true) => self.first.clone(),
            (true, false) => self.second.clone(),
            (false, false) => {
                let mut joined = BytesMut::with_capacity(self.len());
                joined.extend_from_slice(&self.first);
                joined.extend_from_slice(&self.second);
                joined.freeze()
            }
        }
    }
}

impl Buf for Parts {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.first.is_empty() { &self.second } else { &self.first }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = [&self.first, &self.second].into_iter().filter(|piece| !piece.is_empty());
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        let of_first = count.min(self.first.len());
        self.first.advance(of_first);
        self.second.advance(count - of_first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_in_order_whatever_part_of_them_is_taken() {
        for (first, second, pieces) in [("abc", "de", &["abc", "de"][..]), ("", "de", &["de"]), ("abc", "", &["abc"]), ("", "", &[])] {
            let all = [first, second].concat();
            let parts = Parts::new(Bytes::from(first), Bytes::from(second));
            assert_eq!((parts.joined(), parts.remaining(), parts.is_empty()), (Bytes::from(all.clone()), all.len(), all.is_empty()));
            let mut slices = [IoSlice::new(&[]); 3];
            let count = parts.chunks_vectored(&mut slices);
            assert_eq!(
                slices[..count].iter().map(|slice| &**slice).collect::<Vec<_>>(),
                pieces.iter().map(|piece| piece.as_bytes()).collect::<Vec<_>>()
            );
            assert_eq!(parts.chunks_vectored(&mut slices[..1]), count.min(1));
            for taken in 0..=all.len() {
                let mut rest = parts.clone();
                rest.advance(taken);
                assert_eq!(rest.remaining(), all.len() - taken);
                assert!(rest.has_remaining() != rest.chunk().is_empty(), "there is no empty piece before the end");
                assert_eq!(rest.copy_to_bytes(all.len() - taken), &all.as_bytes()[taken..]);
            }
        }
    }
}
