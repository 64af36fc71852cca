//! Thought signatures. Gemini's own come with the call they belong to and travel under this dialect's mark; those of other
//! vendors travel to Gemini's clients and back inside of base64, which is all that those clients take.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::answer::Piece;
use crate::chat::DialectId;
use crate::dialect::proof;

/// What the base64 of another vendor's proof begins with.
const FOREIGN: &[u8] = b"llm-sidecar:proof:";
/// What the base64 of reasoning that only its vendor can read begins with.
const REDACTED: &[u8] = b"llm-sidecar:redacted:";

/// The base64 of what both begin with: twelve bytes are sixteen characters, whatever follows.
pub(super) const ANY_FOREIGN: &str = "bGxtLXNpZGVjYXI6";

/// Stands where Gemini insists on a signature that a client has not kept. The vendor documents the word.
pub(super) const UNCHECKED: &str = "skip_thought_signature_validator";

/// A `thoughtSignature`, told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Signature(String),
    Redacted(String),
    /// The stand-in, which proves nothing.
    None,
}

impl Proof {
    pub(super) fn piece(self) -> Option<Piece> {
        match self {
            Self::Signature(signature) => Some(Piece::Signature(signature)),
            Self::Redacted(data) => Some(Piece::RedactedThinking(data)),
            Self::None => None,
        }
    }
}

/// Reads a `thoughtSignature`.
pub(super) fn read(wire: &str) -> Proof {
    if wire == UNCHECKED {
        return Proof::None;
    }
    let standard = standard_base64(wire);
    let bytes = STANDARD_NO_PAD.decode(standard.trim_end_matches('=')).unwrap_or_default();
    let foreign = |prefix: &[u8]| bytes.strip_prefix(prefix).and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned);
    if let Some(signature) = foreign(FOREIGN) {
        Proof::Signature(signature)
    } else if let Some(data) = foreign(REDACTED) {
        Proof::Redacted(data)
    } else {
        Proof::Signature(proof::mark(DialectId::Gemini, &standard))
    }
}

/// Some clients write base64 with the URL's alphabet.
pub(super) fn standard_base64(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

/// Gemini's own signature, as it gave it.
pub(super) fn own(signature: &str) -> Option<&str> {
    proof::of(DialectId::Gemini, signature)
}

/// Another vendor's proof as a `thoughtSignature`.
pub(super) fn foreign(signature: &str) -> String {
    STANDARD.encode([FOREIGN, signature.as_bytes()].concat())
}

/// Another vendor's closed reasoning as a `thoughtSignature`.
pub(super) fn redacted(data: &str) -> String {
    STANDARD.encode([REDACTED, data.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_of_all_vendors_survive_a_gemini_client() {
        let Proof::Signature(marked) = read("ab-_cd==") else { panic!() };
        assert_eq!(own(&marked), Some("ab+/cd=="));
        for signature in ["EqQBcd+/==", "llm-sidecar.openai_responses.x"] {
            assert_eq!(own(signature), None);
            let wire = foreign(signature);
            let by_client = wire.replace('+', "-").replace('/', "_");
            assert_eq!(read(&by_client), Proof::Signature(signature.to_owned()));
        }
        assert_eq!(read(&redacted("blob?>")), Proof::Redacted("blob?>".into()));
        assert_eq!(read(UNCHECKED), Proof::None);
    }
}
