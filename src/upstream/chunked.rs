//! The chunked transfer coding (RFC 9112, 7.1), taken off in place.

use std::ops::Range;

/// Bytes of extensions and trailers that a body may have; they are passed over.
const MOST_ASIDE: u32 = 16 << 10;

/// A body that does not keep to the coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub &'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a chunk's size.
    Start,
    Size,
    /// Spaces behind a size.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the beginning of a line behind the last chunk.
    Trailer,
    InTrailer,
    TrailerLf,
    EndLf,
    Over,
}

/// Reads a body, however its bytes come.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Of the chunk, what is still to come.
    size: u64,
    aside: u32,
    /// Met behind data, and not yet told.
    broken: Option<Malformed>,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Start, size: 0, aside: 0, broken: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether there is an error to be told.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Moves the data among these bytes together and says where it is then, and how many of the bytes were the body's.
    ///
    /// # Errors
    /// The bytes break the coding. What comes before comes out first: the error is told afterwards.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> Result<(Range<usize>, usize), Malformed> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        let mut at = 0;
        let mut data = 0..0;
        while self.state != State::Over {
            if self.state == State::Data {
                let there = bytes.len() - at;
                let taken = usize::try_from(self.size).map_or(there, |size| size.min(there));
                if data.is_empty() {
                    data = at..at + taken;
                } else {
                    bytes.copy_within(at..at + taken, data.end);
                    data.end += taken;
                }
                at += taken;
                self.size -= taken as u64;
                if self.size > 0 {
                    break;
                }
                self.state = State::DataCr;
            }
            let Some(&byte) = bytes.get(at) else { break };
            at += 1;
            match self.step(byte) {
                Ok(state) => self.state = state,
                Err(broken) if data.is_empty() => return Err(broken),
                Err(broken) => {
                    self.broken = Some(broken);
                    at = bytes.len();
                    break;
                }
            }
        }
        Ok((data, at))
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        let is_aside = matches!(self.state, State::Space | State::Extension | State::InTrailer);
        if is_aside || self.state == State::Trailer {
            self.aside += 1;
            if self.aside > MOST_ASIDE {
                return Err(Malformed("too much beside the chunks"));
            }
        }
        Ok(match (self.state, byte) {
            (State::Start | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.size >> 60 != 0 {
                    return Err(Malformed("a chunk's size is too large"));
                }
                self.size = self.size << 4 | u64::from(char::from(byte).to_digit(16).unwrap_or_default());
                State::Size
            }
            (State::Size | State::Space, b' ' | b'\t') => State::Space,
            (State::Size | State::Space, b';') => State::Extension,
            (State::Size | State::Space | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b'\n') => return Err(Malformed("a chunk's extension has a line feed")),
            (State::Extension, _) => State::Extension,
            (State::SizeLf, b'\n') if self.size == 0 => State::Trailer,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Start,
            (State::Trailer, b'\r') => State::EndLf,
            (State::InTrailer, b'\r') => State::TrailerLf,
            (State::Trailer | State::InTrailer, b'\n') => return Err(Malformed("a trailer has a line feed")),
            (State::Trailer | State::InTrailer, _) => State::InTrailer,
            (State::TrailerLf, b'\n') => State::Trailer,
            (State::EndLf, b'\n') => State::Over,
            (State::Start | State::Size | State::Space, _) => return Err(Malformed("a chunk's size is no hexadecimal number")),
            (State::DataCr | State::DataLf, _) => return Err(Malformed("a chunk does not end where its size says")),
            _ => return Err(Malformed("a carriage return without a line feed")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of a body that comes in these pieces, and how many of the last piece's bytes were left.
    fn read(pieces: &[&[u8]]) -> Result<(String, bool, usize), Malformed> {
        let mut chunked = Chunked::new();
        let (mut all, mut left) = (Vec::new(), 0);
        for piece in pieces {
            let mut piece = piece.to_vec();
            let (data, taken) = chunked.take(&mut piece)?;
            all.extend_from_slice(&piece[data]);
            left = piece.len() - taken;
        }
        chunked.broken.map_or_else(|| Ok((String::from_utf8(all).unwrap(), chunked.is_over(), left)), Err)
    }

    #[test]
    fn data_comes_out_whole_wherever_a_body_is_split() {
        let bodies = [
            ("0\r\n\r\n", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("5\r\nhello\r\n1;a=b\r\n \r\n00A \t;x\r\n0123456789\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello 0123456789"),
            ("00000000000000002 \r\n\r\n\r\n000;\r\n\r\n", "\r\n"),
        ];
        for (body, data) in bodies {
            let body = format!("{body}HTTP");
            for first in 0..=body.len() {
                for second in first..=body.len() {
                    let bytes = body.as_bytes();
                    let end = body.len() - 4;
                    let got = read(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                    let left = body.len() - second.max(end);
                    assert_eq!(got, Ok((data.to_owned(), true, left)), "{body:?} split at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn each_byte_on_its_own_makes_the_same() {
        let body = b"5\r\nhello\r\n6; x\r\n world\r\n0\r\nA: b\r\n\r\n";
        let pieces: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(read(&pieces), Ok(("hello world".to_owned(), true, 0)));
    }

    #[test]
    fn a_body_that_is_cut_is_not_over() {
        let body = b"5\r\nhello\r\n0\r\nA: b\r\n\r\n";
        for cut in 0..body.len() {
            assert!(!read(&[&body[..cut]]).unwrap().1, "cut at {cut}");
        }
    }

    #[test]
    fn what_breaks_the_coding_is_refused() {
        let broken = [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            " 1\r\n",
            "1x\r\n",
            "1 x\r\n",
            "1\n",
            "1\r\r",
            "1;\n",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\rb",
            "1\r\na\r\n\r\n",
            "0\r\n\n",
            "0\r\nA\n",
            "0\r\nA\rb",
            "0\r\n\rb",
            "10000000000000000\r\n",
        ];
        for body in broken {
            assert!(read(&[body.as_bytes()]).is_err(), "{body:?}");
        }
        assert_eq!(read(&[b"ffffffffffffffff\r\nabc"]), Ok(("abc".to_owned(), false, 0)));
    }

    #[test]
    fn data_before_a_break_comes_out() {
        let mut chunked = Chunked::new();
        let mut body = *b"5\r\nhello\r\nzz\r\n";
        let (data, taken) = chunked.take(&mut body).unwrap();
        assert_eq!((&body[data], taken), (&b"hello"[..], body.len()));
        assert!(chunked.take(&mut []).is_err());
    }

    #[test]
    fn what_is_passed_over_is_limited() {
        for (before, after) in [("1;", "\r\n"), ("0\r\nA: ", "\r\n\r\n"), ("1 ", "\r\n")] {
            let filler = if before == "1 " { " " } else { "x" };
            let body = |length: usize| format!("{before}{}{after}", filler.repeat(length));
            assert!(read(&[body(1_000).as_bytes()]).is_ok(), "{before:?}");
            assert!(read(&[body(20_000).as_bytes()]).is_err(), "{before:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, split: usize) {
            let (first, second) = bytes.split_at(split % (bytes.len() + 1));
            let _ = read(&[first, second]).map(|_| ());
        }
    }
}
