//! Proofs of thinking (signatures, encrypted reasoning). A proof is good only for the vendor that gave it, but the client that
//! sends it back cannot know where its next request goes. So each carries its dialect's mark in the hub and at clients; those
//! without a mark are Anthropic's, whose clients expect them as they are.

use crate::chat::DialectId;

const MARK: &str = "llm-sidecar.";

/// Marks a vendor's proof as one of `owner`'s.
pub(super) fn mark(owner: DialectId, proof: &str) -> String {
    format!("{MARK}{}.{proof}", owner.as_str())
}

/// The proof as its vendor gave it, if it is marked as one of `owner`'s.
pub(super) fn of(owner: DialectId, proof: &str) -> Option<&str> {
    proof.strip_prefix(MARK)?.strip_prefix(owner.as_str())?.strip_prefix('.')
}

/// Whether a proof bears any dialect's mark.
pub(super) fn is_marked(proof: &str) -> bool {
    proof.starts_with(MARK)
}

/// What every mark begins with, for a quick search in text.
pub(super) fn prefix() -> &'static str {
    MARK
}
