//! A piece of an answer in HTTP/1's chunked coding (RFC 9112, 7.1) on its way out: the bytes are not copied.

use std::io::IoSlice;

use bytes::Bytes;

/// So many pieces of a body go into one chunk.
pub(super) const MOST_PIECES: usize = 4;
/// A size in hexadecimal digits, and the line's end.
const LINE: usize = 2 * size_of::<usize>() + 2;

const END: &[u8] = b"\r\n";
const LAST: &[u8] = b"0\r\n\r\n";
const END_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

/// A chunk, the body's end, or both.
pub(super) struct Chunk {
    line: SizeLine,
    pieces: Vec<Bytes>,
    /// Of the pieces.
    size: usize,
    /// What comes behind the pieces; nothing as long as more of them may come.
    end: &'static [u8],
    /// Bytes that are still to be written, and that are.
    left: usize,
    written: usize,
}

impl Chunk {
    pub(super) fn new() -> Self {
        Self { line: SizeLine::default(), pieces: Vec::with_capacity(MOST_PIECES), size: 0, end: &[], left: 0, written: 0 }
    }

    /// Another one, which has nothing in it yet.
    pub(super) fn begin(&mut self) {
        self.pieces.clear();
        (self.size, self.end, self.left, self.written) = (0, &[], 0, 0);
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

    /// No more pieces come. `is_last`: neither do other chunks.
    pub(super) fn close(&mut self, is_last: bool) {
        self.line = if self.size > 0 { SizeLine::new(self.size) } else { SizeLine::default() };
        self.end = match (self.size, is_last) {
            (0, false) => &[],
            (0, true) => LAST,
            (_, false) => END,
            (_, true) => END_AND_LAST,
        };
        self.left = self.line.bytes().len() + self.size + self.end.len();
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        self.left = self.left.saturating_sub(count);
        if self.left == 0 {
            // They may be all that keeps a buffer.
            self.pieces.clear();
        }
    }

    /// Gives what is still to be written to `write`; nothing if that is nothing.
    pub(super) fn left<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> Option<T> {
        if self.left == 0 {
            return None;
        }
        let parts = [self.line.bytes()].into_iter().chain(self.pieces.iter().map(|piece| &**piece)).chain([self.end]);
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
        slices.get(..count).map(write)
    }
}

/// The line before a chunk's bytes; by default none.
#[derive(Default)]
struct SizeLine {
    /// It ends with the line.
    text: [u8; LINE],
    length: u8,
}

impl SizeLine {
    fn new(size: usize) -> Self {
        let (mut text, mut from, mut left) = ([b'\n'; LINE], LINE - END.len(), size);
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
        Self { text, length: (LINE - from) as u8 }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(LINE - usize::from(self.length)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(pieces: &[&'static str], is_last: bool) -> Chunk {
        let mut chunk = Chunk::new();
        pieces.iter().for_each(|piece| chunk.push(Bytes::from_static(piece.as_bytes())));
        chunk.close(is_last);
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
            assert_eq!(left(&all), text);
            for written in 0..=text.len() {
                let mut part = chunk(pieces, is_last);
                part.wrote(written);
                assert_eq!(left(&part), text[written..], "{written} of {text:?}");
            }
            all.begin();
            all.close(false);
            assert!(all.left(|_| ()).is_none());
        }
    }

    #[test]
    fn sizes_are_hexadecimal() {
        for size in [1, 9, 10, 15, 16, 255, 256, 0x1234_abcd, usize::MAX] {
            assert_eq!(SizeLine::new(size).bytes(), format!("{size:x}\r\n").as_bytes());
        }
    }
}
