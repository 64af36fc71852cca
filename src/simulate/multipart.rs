//! Reads a `multipart/form-data` body (RFC 7578) piece by piece, without holding the file in it.

use memchr::memmem;

/// The longest head of a part.
const MAX_HEAD: usize = 16 << 10;

/// What a part's head says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    pub(super) name: String,
    pub(super) file: Option<String>,
}

/// Takes what the reader finds, in order.
pub(super) trait Sink {
    fn part(&mut self, head: PartHead);
    fn data(&mut self, bytes: &[u8]);
}

/// The body is not what its content type says.
#[derive(Debug, thiserror::Error)]
#[error("malformed multipart body: {0}")]
pub(super) struct Malformed(&'static str);

/// Finds parts in bytes that may be split anywhere.
#[derive(Debug)]
pub(super) struct Reader {
    /// CR LF and the delimiter.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// After a delimiter: either a part's head or the end follows.
    Head,
    Data,
    End,
}

impl Reader {
    /// For the `boundary` of the content type.
    pub(super) fn new(boundary: &str) -> Self {
        // The body starts with the delimiter but without its CR LF: they are put in front of it, and the reader starts in data.
        Self { delimiter: format!("\r\n--{boundary}").into_bytes(), held: b"\r\n".to_vec(), state: State::Data }
    }

    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), Malformed> {
        self.held.extend_from_slice(bytes);
        loop {
            let used = match self.state {
                State::Data => self.data(sink),
                State::Head => self.head(sink)?,
                State::End => Some(self.held.len()),
            };
            match used {
                Some(used) if used > 0 => drop(self.held.drain(..used)),
                _ => return Ok(()),
            }
        }
    }

    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.state == State::End { Ok(()) } else { Err(Malformed("it ends before its last delimiter")) }
    }

    /// Hands on data up to the delimiter, or up to where the delimiter may have begun.
    fn data(&mut self, sink: &mut impl Sink) -> Option<usize> {
        if let Some(at) = memmem::find(&self.held, &self.delimiter) {
            sink.data(self.held.get(..at)?);
            self.state = State::Head;
            return Some(at + self.delimiter.len());
        }
        let safe = self.held.len().saturating_sub(self.delimiter.len() - 1);
        sink.data(self.held.get(..safe)?);
        Some(safe)
    }

    fn head(&mut self, sink: &mut impl Sink) -> Result<Option<usize>, Malformed> {
        if self.held.starts_with(b"--") {
            self.state = State::End;
            return Ok(Some(2));
        }
        let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
            return if self.held.len() > MAX_HEAD { Err(Malformed("a part's head is too long")) } else { Ok(None) };
        };
        let text = String::from_utf8_lossy(self.held.get(..end).unwrap_or_default()).into_owned();
        let disposition = text.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"));
        let disposition = disposition.ok_or(Malformed("a part has no content-disposition"))?;
        sink.part(PartHead { name: parameter(disposition, "name").unwrap_or_default(), file: parameter(disposition, "filename") });
        self.state = State::Data;
        Ok(Some(end + 4))
    }
}

/// `key="value"` or `key=value` of a header.
pub(super) fn parameter(header: &str, key: &str) -> Option<String> {
    let value = header.split(';').filter_map(|part| part.trim().split_once('=')).find(|(k, _)| k.eq_ignore_ascii_case(key))?.1;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--b\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--\r\n--c\r\n--b--\r\n";

    #[derive(Default)]
    struct Parts(Vec<(PartHead, Vec<u8>)>);

    impl Sink for Parts {
        fn part(&mut self, head: PartHead) {
            self.0.push((head, Vec::new()));
        }
        fn data(&mut self, bytes: &[u8]) {
            if let Some((_, data)) = self.0.last_mut() {
                data.extend_from_slice(bytes);
            }
        }
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<(PartHead, Vec<u8>)>, Malformed> {
        let mut reader = Reader::new("b");
        let mut parts = Parts::default();
        for piece in pieces {
            reader.push(piece, &mut parts)?;
        }
        reader.end()?;
        Ok(parts.0)
    }

    #[test]
    fn every_split_gives_the_same_parts() {
        let whole = read(&[BODY]).unwrap();
        assert_eq!(whole[0], (PartHead { name: "purpose".into(), file: None }, b"assistants".to_vec()));
        assert_eq!(whole[1], (PartHead { name: "file".into(), file: Some("a.txt".into()) }, b"x\r\n--\r\n--c".to_vec()));
        for at in 0..BODY.len() {
            assert_eq!(read(&[&BODY[..at], &BODY[at..]]).unwrap(), whole, "split at {at}");
        }
        assert_eq!(read(&BODY.chunks(1).collect::<Vec<_>>()).unwrap(), whole);
    }

    #[test]
    fn a_cut_body_is_malformed() {
        assert!(read(&[&BODY[..BODY.len() - 4]]).is_err());
    }
}
