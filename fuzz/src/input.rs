//! Choices out of an input's first bytes, and what translations need beside it.

use bytes::Bytes;
use llm_sidecar::chat::DialectId;
use llm_sidecar::codec::Framing;
use llm_sidecar::dialect::{Dialect, Reply, dialect};

/// The dialect that the first byte names, and what follows.
pub fn chosen(data: &[u8]) -> Option<(&'static dyn Dialect, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((dialect(*DialectId::ALL.get(usize::from(*first))?), rest))
}

/// Two numbers out of the first bytes, and what follows.
pub fn numbers(data: &[u8]) -> Option<(u8, u8, &[u8])> {
    let ([one, other], rest) = data.split_first_chunk()?;
    Some((*one, *other, rest))
}

/// Every dialect.
pub fn dialects() -> impl Iterator<Item = &'static dyn Dialect> {
    DialectId::ALL.into_iter().map(dialect)
}

/// What an answer knows of a request that named its model only.
pub fn reply() -> Reply {
    Reply {
        requested_model: "fast".to_owned(),
        upstream_model: "m".to_owned(),
        include_usage: true,
        prompt_estimate: 12,
        created: 1_760_000_000,
        request: Bytes::from_static(b"{\"model\":\"fast\",\"messages\":[]}"),
    }
}

/// The frames of a stream that comes in pieces, cut by the splitter as the proxy does it. What has no end is not among them.
pub fn frames<'a>(framing: Framing, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let (mut splitter, mut held, mut frames) = (framing.splitter(), Vec::new(), Vec::new());
    for mut piece in pieces {
        while let Some((frame, rest)) = splitter.frame_end(piece).and_then(|end| piece.split_at_checked(end)) {
            held.extend_from_slice(frame);
            frames.push(std::mem::take(&mut held));
            piece = rest;
        }
        held.extend_from_slice(piece);
    }
    frames
}
