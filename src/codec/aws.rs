//! AWS's event stream (`application/vnd.amazon.eventstream`): binary messages, each
//!
//! ```text
//! total length (4) | headers' length (4) | CRC-32 of these 8 bytes (4) | headers | payload | CRC-32 of all before it (4)
//! ```
//!
//! A header is a name's length (1), the name, a value's type (1) and the value. All numbers are big-endian.

use serde_json::{Map, Value};

/// The name of a frame that holds a [fault](Message::fault). No event has it.
pub const FAULT: &str = "exception";

/// Length of the part before the headers.
const PRELUDE: usize = 12;
/// Length of the closing checksum.
const CHECKSUM: usize = 4;
/// A header's value is text: a length of two bytes, then UTF-8.
const TEXT: u8 = 7;

/// Finds the ends of messages, keeping its place across chunks.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    prelude: [u8; PRELUDE],
    /// Bytes of the current message that have come.
    come: usize,
}

impl Splitter {
    /// The offset just past the current message, or `None` when `bytes` ends before it. What has no valid prelude ends with
    /// `bytes`: where its successor begins cannot be known.
    pub fn message_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let missing = PRELUDE.saturating_sub(self.come);
        let taken = missing.min(bytes.len());
        if let (Some(slot), Some(head)) = (self.prelude.get_mut(self.come..self.come + taken), bytes.get(..taken)) {
            slot.copy_from_slice(head);
        }
        if taken < missing {
            self.come += taken;
            return None;
        }
        let Some(total) = total_length(&self.prelude) else {
            self.come = 0;
            return Some(bytes.len());
        };
        let left = total - self.come;
        if bytes.len() < left {
            self.come += bytes.len();
            return None;
        }
        self.come = 0;
        Some(left)
    }
}

/// The whole message's length, if the prelude is one.
fn total_length(prelude: &[u8]) -> Option<usize> {
    let (total, headers) = (usize::try_from(number(prelude, 0)?).ok()?, usize::try_from(number(prelude, 4)?).ok()?);
    let fits = total >= PRELUDE + CHECKSUM && headers <= total - PRELUDE - CHECKSUM;
    (fits && number(prelude, 8)? == crc32fast::hash(prelude.get(..8)?)).then_some(total)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    headers: &'a [u8],
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The value of a text header.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut rest = self.headers;
        while !rest.is_empty() {
            let (key, after) = split(rest.get(1..)?, usize::from(*rest.first()?))?;
            let (kind, value) = after.split_first()?;
            let (length, value) = match kind {
                0 | 1 => (0, value),
                2 => (1, value),
                3 => (2, value),
                4 => (4, value),
                5 | 8 => (8, value),
                6 | 7 => {
                    let (length, value) = value.split_first_chunk::<2>()?;
                    (usize::from(u16::from_be_bytes(*length)), value)
                }
                9 => (16, value),
                _ => return None,
            };
            let (value, after) = split(value, length)?;
            if *kind == TEXT && key == name.as_bytes() {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    /// What kind of event it is; empty where it does not say.
    pub fn name(&self) -> &'a [u8] {
        self.header(":event-type").unwrap_or_default()
    }

    /// What an exception or an error says, as AWS writes errors in JSON: its class under `__type` beside the rest. `None` for an
    /// event.
    pub fn fault(&self) -> Option<Vec<u8>> {
        let class = self.header(":exception-type").or_else(|| self.header(":error-code"));
        let is_fault = matches!(self.header(":message-type"), Some(b"exception" | b"error"));
        if !is_fault && class.is_none() {
            return None;
        }
        let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes));
        let mut fields: Map<String, Value> = serde_json::from_slice(self.payload).unwrap_or_default();
        if fields.is_empty() {
            fields.insert("message".to_owned(), text(self.header(":error-message").unwrap_or(self.payload)));
        }
        fields.insert("__type".to_owned(), text(class.unwrap_or_default()));
        Some(Value::Object(fields).to_string().into_bytes())
    }
}

fn split(bytes: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    Some((bytes.get(..at)?, bytes.get(at..)?))
}

/// Reads one whole message; `None` where lengths or checksums do not hold.
pub fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let total = total_length(bytes.get(..PRELUDE)?)?;
    let (body, checksum) = split(bytes, total.checked_sub(CHECKSUM)?)?;
    if bytes.len() != total || number(checksum, 0)? != crc32fast::hash(body) {
        return None;
    }
    let headers = usize::try_from(number(bytes, 4)?).ok()?;
    let (headers, payload) = split(body.get(PRELUDE..)?, headers)?;
    Some(Message { headers, payload })
}

/// Writes one message with text headers. A name or value too long for the format is cut.
pub fn write(headers: &[(&str, &str)], payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE]);
    for (name, value) in headers {
        let name = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
        let value = value.as_bytes().get(..0x7fff).unwrap_or(value.as_bytes());
        out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        out.extend_from_slice(name);
        out.push(TEXT);
        out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(value);
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let headers = length(out.len() - start - PRELUDE);
    out.extend_from_slice(payload);
    let total = length(out.len() - start + CHECKSUM);
    let checksum = crc32fast::hash(&[total, headers].concat()).to_be_bytes();
    if let Some(prelude) = out.get_mut(start..start + PRELUDE) {
        prelude.copy_from_slice(&[total, headers, checksum].concat());
    }
    let checksum = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let mut out = Vec::new();
        write(&[(":message-type", "event"), (":event-type", "messageStart"), (":content-type", "application/json")], b"{}", &mut out);
        out
    }

    /// From the format's published test vectors: an empty message, and one with a payload and a header.
    #[test]
    fn the_published_vectors_hold() {
        let mut empty = Vec::new();
        write(&[], b"", &mut empty);
        assert_eq!(empty, [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
        let mut json = Vec::new();
        write(&[("content-type", "application/json")], b"{'foo':'bar'}", &mut json);
        assert_eq!(&json[..12], [0, 0, 0, 0x3d, 0, 0, 0, 0x20, 0x07, 0xfd, 0x83, 0x96]);
        assert_eq!(&json[json.len() - 4..], [0x8d, 0x9c, 0x08, 0xb1]);
    }

    #[test]
    fn what_is_written_reads_back() {
        let bytes = message();
        let read = read(&bytes).unwrap();
        assert_eq!((read.name(), read.payload), (&b"messageStart"[..], &b"{}"[..]));
        assert_eq!(read.header(":content-type"), Some(&b"application/json"[..]));
        assert_eq!(read.header("none"), None);
    }

    #[test]
    fn headers_of_other_types_are_skipped() {
        let mut headers = b"\x01a\x00\x01b\x03\x00\x07\x01c\x09".to_vec();
        headers.extend_from_slice(&[0; 16]);
        headers.extend_from_slice(b"\x0b:event-type\x07\x00\x01x");
        assert_eq!(Message { headers: &headers, payload: b"" }.name(), b"x");
        assert_eq!(Message { headers: b"\x01a\x63", payload: b"" }.name(), b"");
    }

    #[test]
    fn exceptions_and_errors_are_told_from_events() {
        let fault = |headers: &[(&str, &str)], payload: &[u8]| {
            let mut out = Vec::new();
            write(headers, payload, &mut out);
            read(&out).unwrap().fault().map(|json| String::from_utf8(json).unwrap())
        };
        assert_eq!(fault(&[(":message-type", "event"), (":event-type", "a")], b"{}"), None);
        let exception = [(":message-type", "exception"), (":exception-type", "throttlingException")];
        assert_eq!(fault(&exception, br#"{"message":"slow"}"#).unwrap(), r#"{"message":"slow","__type":"throttlingException"}"#);
        assert_eq!(fault(&exception, b"slow").unwrap(), r#"{"message":"slow","__type":"throttlingException"}"#);
        let error = [(":message-type", "error"), (":error-code", "500"), (":error-message", "lost")];
        assert_eq!(fault(&error, b"").unwrap(), r#"{"message":"lost","__type":"500"}"#);
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let bytes = message();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(read(&damaged), None, "byte {at}");
            assert_eq!(read(&bytes[..at]), None, "cut at {at}");
        }
        let mut splitter = Splitter::default();
        assert_eq!(splitter.message_end(&[0xff; 40]), Some(40));
        assert_eq!(splitter.message_end(&bytes), Some(bytes.len()));
    }
}
