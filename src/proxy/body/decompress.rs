//! Content codings (RFC 9110, 8.4), decoded piece by piece within a size limit: gzip, deflate, br and zstd.

use std::io::Write;

use brotli_decompressor::DecompressorWriter;
use bytes::Bytes;
use flate2::write::{GzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Failure {
    /// The coding is not known.
    Unknown,
    /// More bytes came out than are allowed.
    TooLarge,
    Broken,
}

/// Decodes a body as it comes.
pub(in crate::proxy) struct Decompressor {
    coding: Coding,
    /// Bytes that may still come out.
    left: usize,
    /// Met behind bytes that could be decoded, and not yet told.
    failure: Option<Failure>,
}

enum Coding {
    Gzip(GzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
    Brotli(Box<DecompressorWriter<Vec<u8>>>),
    /// Frames are decoded when they are whole: the library reads from a source that blocks.
    Zstd(Vec<u8>),
}

impl Decompressor {
    /// `None` when the coding is not known. At most `limit` bytes come out.
    pub(in crate::proxy) fn new(coding: &str, limit: usize) -> Option<Self> {
        let coding = match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Coding::Gzip(GzDecoder::new(Vec::new())),
            "deflate" => Coding::Deflate(ZlibDecoder::new(Vec::new())),
            "br" => Coding::Brotli(Box::new(DecompressorWriter::new(Vec::new(), 4096))),
            "zstd" => Coding::Zstd(Vec::new()),
            _ => return None,
        };
        Some(Self { coding, left: limit, failure: None })
    }

    /// Decodes what can be decoded with this piece. What comes before a failure comes out first: the failure is told afterwards.
    pub(in crate::proxy) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, Failure> {
        let mut out = Vec::new();
        match self.failure.map_or_else(|| self.decode(bytes, &mut out), Err) {
            Err(failure) if out.is_empty() => return Err(failure),
            Err(failure) => self.failure = Some(failure),
            Ok(()) => {}
        }
        Ok(out.into())
    }

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        // Small steps, so that a bomb is noticed before it has filled the memory.
        for step in bytes.chunks(1024) {
            // Finishing hands out what was decoded before the failure.
            let (decoded, written) = match &mut self.coding {
                Coding::Gzip(decoder) => {
                    let written = decoder.write_all(step).and_then(|()| decoder.flush()).inspect_err(|_| _ = decoder.try_finish());
                    (std::mem::take(decoder.get_mut()), written)
                }
                Coding::Deflate(decoder) => {
                    let written = decoder.write_all(step).and_then(|()| decoder.flush()).inspect_err(|_| _ = decoder.try_finish());
                    (std::mem::take(decoder.get_mut()), written)
                }
                Coding::Brotli(decoder) => {
                    let written = decoder.write_all(step).and_then(|()| decoder.flush());
                    (std::mem::take(decoder.get_mut()), written)
                }
                Coding::Zstd(held) => {
                    if held.len() + step.len() > self.left {
                        return Err(Failure::TooLarge);
                    }
                    held.extend_from_slice(step);
                    continue;
                }
            };
            self.left = self.left.checked_sub(decoded.len()).ok_or(Failure::TooLarge)?;
            out.extend_from_slice(&decoded);
            written.map_err(|_| Failure::Broken)?;
        }
        if let Coding::Zstd(held) = &mut self.coding {
            let Some(decoded) = zstd(held, self.left)? else { return Ok(()) };
            held.clear();
            self.left -= decoded.len();
            *out = decoded;
        }
        Ok(())
    }

    /// The body ended: whether the coding was at its end, too.
    pub(in crate::proxy) fn finish(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match &mut self.coding {
            Coding::Gzip(decoder) => decoder.try_finish().map_err(|_| Failure::Broken),
            Coding::Deflate(decoder) => decoder.try_finish().map_err(|_| Failure::Broken),
            Coding::Brotli(decoder) => decoder.close().map_err(|_| Failure::Broken),
            Coding::Zstd(held) if held.is_empty() => Ok(()),
            Coding::Zstd(_) => Err(Failure::Broken),
        }
    }
}

/// The frame in `held`, or `None` while it is not whole.
fn zstd(held: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    use std::io::Read;

    let Ok(decoder) = StreamingDecoder::new(held) else { return Ok(None) };
    let mut out = Vec::new();
    match decoder.take(limit as u64 + 1).read_to_end(&mut out) {
        Ok(_) if out.len() > limit => Err(Failure::TooLarge),
        Ok(_) => Ok(Some(out)),
        Err(_) => Ok(None),
    }
}

/// Decodes a whole body. `coding` may be `identity`.
pub(in crate::proxy) fn whole(coding: &str, body: Bytes, limit: usize) -> Result<Bytes, Failure> {
    if coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity") {
        return Ok(body);
    }
    let mut decompressor = Decompressor::new(coding, limit).ok_or(Failure::Unknown)?;
    let out = decompressor.push(&body)?;
    decompressor.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_coding_is_decoded_in_any_pieces() {
        let text = b"data: {\"a\":1}\n\n".repeat(200);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
        for (coding, body) in [("gzip", gzip(&text)), ("deflate", zlib.finish().unwrap()), ("zstd", zstd)] {
            assert_eq!(whole(coding, Bytes::from(body.clone()), 1 << 20).unwrap(), text, "{coding}");
            let mut decoder = Decompressor::new(coding, 1 << 20).unwrap();
            let mut out = Vec::new();
            for byte in body.chunks(7) {
                out.extend_from_slice(&decoder.push(byte).unwrap());
            }
            decoder.finish().unwrap();
            assert_eq!(out, text, "{coding}");
        }
    }

    #[test]
    fn what_comes_before_a_failure_comes_out() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"hello").unwrap();
        encoder.flush().unwrap();
        let mut body = encoder.get_ref().clone();
        body.extend_from_slice(b"\xff\xff this is not deflate");
        let mut decoder = Decompressor::new("gzip", 100).unwrap();
        assert_eq!(decoder.push(&body).unwrap(), "hello");
        assert_eq!(decoder.push(b""), Err(Failure::Broken));
        assert_eq!(decoder.finish(), Err(Failure::Broken));
        assert_eq!(whole("gzip", Bytes::from(body), 100), Err(Failure::Broken));
    }

    #[test]
    fn bombs_cuts_and_lies_are_refused() {
        let bomb = gzip(&vec![b' '; 10 << 20]);
        assert_eq!(whole("gzip", Bytes::from(bomb.clone()), 1 << 20), Err(Failure::TooLarge));
        assert_eq!(whole("gzip", Bytes::from(bomb[..bomb.len() / 2].to_vec()), 64 << 20), Err(Failure::Broken));
        assert_eq!(whole("gzip", Bytes::from_static(b"not compressed at all"), 100), Err(Failure::Broken));
        assert_eq!(whole("lzma", Bytes::new(), 100), Err(Failure::Unknown));
    }
}
