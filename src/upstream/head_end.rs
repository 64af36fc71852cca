//! Where the head of an HTTP/1 answer ends (RFC 9112, 2.1): behind the first empty line. Lines end as hyper's parser has them end, with
//! or without a carriage return.

use memchr::memchr;

/// `HTTP/1.1 ` and a status.
const STATUS_END: usize = 12;

/// Looks for the end, however the bytes come.
#[derive(Default)]
pub(super) struct HeadEnd {
    /// The beginning of the head's first line.
    status_line: [u8; STATUS_END],
    seen: usize,
    /// Lines that are not empty.
    lines: usize,
    /// The line has something in it besides a carriage return.
    in_line: bool,
}

impl HeadEnd {
    /// How many of these bytes belong to the head, if it ends within them. Heads of interim answers are passed over.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, behind) = rest.split_at_checked(end + 1)?;
            rest = behind;
            self.take(line.strip_suffix(b"\n").unwrap_or(line));
            if std::mem::take(&mut self.in_line) {
                self.lines += 1;
            } else if self.lines > 0 {
                if !self.is_interim() {
                    return Some(bytes.len() - rest.len());
                }
                *self = Self::default();
            }
        }
        self.take(rest);
        None
    }

    fn take(&mut self, part: &[u8]) {
        self.in_line |= part.iter().any(|&byte| byte != b'\r');
        if self.lines == 0 && self.in_line {
            let room = self.status_line.get_mut(self.seen..).unwrap_or_default();
            let fits = room.len().min(part.len());
            for (to, from) in room.iter_mut().zip(part) {
                *to = *from;
            }
            self.seen += fits;
        }
    }

    /// Whether another head follows. Behind 101 comes another protocol.
    fn is_interim(&self) -> bool {
        matches!(self.status_line.get(STATUS_END - 3..), Some([b'1', tens, ones]) if (*tens, *ones) != (b'0', b'1'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_split() {
        let heads = [
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\n",
            "HTTP/1.1 200 OK\nA: b\r\n\n",
            "\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ];
        for head in heads {
            let text = format!("{head}data: 1\n\ndata: 2\r\n\r\n");
            for split in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(split);
                let mut end = HeadEnd::default();
                let found = end.find(first).or_else(|| end.find(second).map(|at| split + at));
                assert_eq!(found, Some(head.len()), "{head:?} split at {split}");
            }
        }
    }

    #[test]
    fn a_head_without_an_end_has_none() {
        for head in ["", "\r\n\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"] {
            assert_eq!(HeadEnd::default().find(head.as_bytes()), None, "{head:?}");
        }
    }
}
