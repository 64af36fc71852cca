//! A piece of an answer in HTTP/1's chunked coding (RFC 9112, 7.1) on its way out: the bytes are not copied.

use std::io::IoSlice;

use bytes::Bytes;

/// So many pieces of a body go into one chunk.
pub(super) const MOST_PIECES: usize = 4;
/// A size in hexadecimal digits, and the line's end.
const LINE: usize = 2 * size_of::<usize>() + 2;

/// A chunk, the body's end, or both.
pub(super) struct Chunk {
    pieces: Vec<Bytes>,
    /// Of the pieces.
    size: usize,
    is_last: bool,
    /// Bytes that are written.
    written: usize,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { pieces: Vec::with_capacity(MOST_PIECES), size: 0, is_last: false, written: 0 }
    }

    /// Another one, which has nothing in it yet.
    pub(super) fn begin(&mut self) {
        self.pieces.clear();
        (self.size, self.is_last, self.written) = (0, false, 0);
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.size += piece.len();
            self.pieces.push(piece);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() == MOST_PIECES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.size == 0 && !self.is_last
    }

    /// The body is over.
    pub(super) fn end(&mut self) {
        self.is_last = true;
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
    }

    /// Gives what is still to be written to `write`; nothing if that is nothing.
    pub(super) fn left<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> Option<T> {
        let (line, end): (_, &[u8]) = match (self.size, self.is_last) {
            (0, false) => return None,
            (0, true) => (None, b"0\r\n\r\n"),
            (size, false) => (Some(SizeLine::new(size)), b"\r\n"),
            (size, true) => (Some(SizeLine::new(size)), b"\r\n0\r\n\r\n"),
        };
        let line = line.as_ref().map_or(&[][..], SizeLine::bytes);
        let parts = [line].into_iter().chain(self.pieces.iter().map(|piece| &**piece)).chain([end]);
        let mut slices = [IoSlice::new(&[]); MOST_PIECES + 2];
        let (mut count, mut skip) = (0, self.written);
        for part in parts {
            let rest = part.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(part.len());
            if let Some(slice) = slices.get_mut(count).filter(|_| !rest.is_empty()) {
                *slice = IoSlice::new(rest);
                count += 1;
            }
        }
        slices.get(..count).filter(|slices| !slices.is_empty()).map(write)
    }
}

/// The line before a chunk's bytes.
struct SizeLine {
    text: [u8; LINE],
    from: usize,
}

impl SizeLine {
    fn new(size: usize) -> Self {
        let (mut text, mut from, mut left) = ([b'\n'; LINE], LINE, size);
        let mut places = text.iter_mut().rev();
        places.next();
        places.next().into_iter().for_each(|place| *place = b'\r');
        for place in places {
            *place = char::from_digit((left % 16) as u32, 16).map_or(b'0', |digit| digit as u8);
            left /= 16;
            from -= 1;
            if left == 0 {
                break;
            }
        }
        Self { text, from: from - 2 }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(self.from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(pieces: &[&'static str], is_last: bool) -> Chunk {
        let mut chunk = Chunk::new();
        pieces.iter().for_each(|piece| chunk.push(Bytes::from_static(piece.as_bytes())));
        if is_last {
            chunk.end();
        }
        chunk
    }

    fn left(chunk: &Chunk) -> String {
        let joined = |slices: &[IoSlice<'_>]| slices.iter().map(|slice| std::str::from_utf8(slice).unwrap()).collect();
        chunk.left(joined).unwrap_or_default()
    }

    #[test]
    fn chunks_are_written_whole_however_they_are_taken() {
        let sixteen = "0123456789abcdef";
        for (pieces, is_last, text) in [
            (&[][..], false, String::new()),
            (&[], true, "0\r\n\r\n".to_owned()),
            (&["a"], false, "1\r\na\r\n".to_owned()),
            (&["a", "", "bc"], true, "3\r\nabc\r\n0\r\n\r\n".to_owned()),
            (&[sixteen, sixteen, sixteen, "x"], false, format!("31\r\n{}x\r\n", sixteen.repeat(3))),
        ] {
            let mut all = chunk(pieces, is_last);
            assert_eq!((left(&all), all.is_empty()), (text.clone(), text.is_empty()));
            for written in 0..=text.len() {
                let mut part = chunk(pieces, is_last);
                part.wrote(written);
                assert_eq!(left(&part), text[written..], "{written} of {text:?}");
            }
            all.begin();
            assert!(all.is_empty() && all.left(|_| ()).is_none());
        }
    }

    #[test]
    fn sizes_are_hexadecimal() {
        for size in [1, 9, 10, 15, 16, 255, 256, 0x1234_abcd, usize::MAX] {
            assert_eq!(SizeLine::new(size).bytes(), format!("{size:x}\r\n").as_bytes());
        }
    }
}
