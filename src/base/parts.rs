//! Bytes in one piece or two, for a long text of which something short was replaced near an end: the long piece is not copied.

use bytes::{Bytes, BytesMut};

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

    /// The next piece that is not empty, which is left out from now on.
    pub fn take_next(&mut self) -> Option<Bytes> {
        let second = std::mem::take(&mut self.second);
        let first = std::mem::replace(&mut self.first, second);
        if first.is_empty() { Some(std::mem::take(&mut self.first)).filter(|piece| !piece.is_empty()) } else { Some(first) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_taken_in_order_and_joined() {
        for (first, second, pieces) in [("ab", "c", &["ab", "c"][..]), ("", "c", &["c"]), ("ab", "", &["ab"]), ("", "", &[])] {
            let mut parts = Parts::new(Bytes::from(first), Bytes::from(second));
            assert_eq!((parts.joined(), parts.len()), (Bytes::from([first, second].concat()), first.len() + second.len()));
            let taken: Vec<Bytes> = std::iter::from_fn(|| parts.take_next()).collect();
            assert_eq!(taken, pieces);
            assert!(parts.is_empty() && parts.take_next().is_none());
        }
    }
}
