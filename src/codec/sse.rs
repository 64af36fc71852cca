//! Server-sent events (WHATWG HTML, 9.2): finds where events end in bytes that may be split anywhere, and reads one event.

use std::borrow::Cow;

use memchr::memchr2;

/// Finds the ends of events, keeping its place across chunks. Lines may end in LF, CRLF or CR.
#[derive(Clone, Debug)]
pub struct Splitter {
    /// Nothing of the current line has come yet.
    line_start: bool,
    /// The last byte was a CR, so an LF right after it belongs to the same line end.
    after_cr: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { line_start: true, after_cr: false }
    }
}

impl Splitter {
    /// The offset just past the blank line that ends the current event, or `None` when `bytes` ends before it.
    /// Call it again with the bytes after that offset for the next event.
    pub fn event_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.after_cr {
            let first = bytes.first()?;
            self.after_cr = false;
            at = usize::from(*first == b'\n');
        }
        while let Some(rest) = bytes.get(at..) {
            let Some(skip) = memchr2(b'\n', b'\r', rest) else {
                self.line_start &= rest.is_empty();
                return None;
            };
            let blank = skip == 0 && self.line_start;
            at += skip + 1;
            if rest.get(skip) == Some(&b'\r') {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.line_start = true;
            if blank {
                return Some(at);
            }
        }
        None
    }
}

/// One event's fields.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event:` field, empty when there is none.
    pub name: &'a [u8],
    /// The `data:` lines joined by LF.
    pub data: Cow<'a, [u8]>,
}

/// Reads the bytes of one event, with or without the blank line that ends it. `None` for comments and for an event without data.
pub fn read(bytes: &[u8]) -> Option<Event<'_>> {
    let mut name: &[u8] = b"";
    let mut data: Option<Cow<'_, [u8]>> = None;
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    while !rest.is_empty() {
        let (line, after) = match memchr2(b'\n', b'\r', rest) {
            Some(end) => (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default()),
            None => (rest, &[][..]),
        };
        rest = after;
        if let Some(value) = field(line, b"data") {
            data = Some(match data {
                None => Cow::Borrowed(value),
                Some(held) => {
                    let mut joined = held.into_owned();
                    joined.push(b'\n');
                    joined.extend_from_slice(value);
                    Cow::Owned(joined)
                }
            });
        } else if let Some(value) = field(line, b"event") {
            name = value;
        }
    }
    Some(Event { name, data: data? })
}

/// The value of `line` if it is a line of the field `name`. One space after the colon is not part of the value.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    if value.is_empty() {
        return Some(value);
    }
    let value = value.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        "\u{feff}data: {\"a\":\"é😀\"}\n\n: comment\n\nevent: x\r\ndata:1\r\ndata: 2\r\n\r\ndata\rid: 4\r\rdata:no space\n\nretry: 3\n\n"
            .as_bytes();

    fn events(pieces: &[&[u8]]) -> Vec<Option<(Vec<u8>, Vec<u8>)>> {
        let mut splitter = Splitter::default();
        let mut held = Vec::new();
        let mut found = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while let Some(end) = splitter.event_end(rest) {
                held.extend_from_slice(&rest[..end]);
                found.push(read(&held).map(|e| (e.name.to_vec(), e.data.to_vec())));
                held.clear();
                rest = &rest[end..];
            }
            held.extend_from_slice(rest);
        }
        found
    }

    #[test]
    fn reads_every_line_end_comments_and_joined_data() {
        let found = events(&[STREAM]);
        let data: Vec<_> = found.iter().flatten().map(|(name, data)| (name.as_slice(), data.as_slice())).collect();
        assert_eq!(found.len(), 6);
        assert_eq!(
            data,
            [(&b""[..], "{\"a\":\"é😀\"}".as_bytes()), (&b"x"[..], &b"1\n2"[..]), (&b""[..], &b""[..]), (&b""[..], &b"no space"[..]),]
        );
    }

    #[test]
    fn every_two_way_split_and_single_bytes_give_the_same_events() {
        let whole = events(&[STREAM]);
        for at in 0..=STREAM.len() {
            assert_eq!(events(&[&STREAM[..at], &STREAM[at..]]), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(events(&bytes), whole);
    }
}
