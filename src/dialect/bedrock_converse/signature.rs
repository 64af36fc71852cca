//! Proofs of reasoning. Claude's are the same here as at Anthropic's own API and so travel without a mark: its signatures as
//! they are, its closed reasoning in one more layer of base64. What is no text inside stays as it came, marked as Bedrock's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::DialectId;
use crate::dialect::proof;

/// Closed reasoning as it is in the hub, from `redactedContent`.
pub(super) fn read_redacted(wire: &str) -> String {
    let text = STANDARD.decode(wire).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| proof::mark(DialectId::BedrockConverse, wire))
}

/// The `redactedContent` of closed reasoning in the hub.
pub(super) fn write_redacted(data: &str) -> String {
    proof::of(DialectId::BedrockConverse, data).map_or_else(|| STANDARD.encode(data), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_reasoning_survives_the_way_there_and_back() {
        assert_eq!(read_redacted("RXU4RQ=="), "Eu8E");
        for wire in ["RXU4RQ==", "/w==", "not base64"] {
            assert_eq!(write_redacted(&read_redacted(wire)), wire);
        }
        assert_eq!(read_redacted(&write_redacted("llm-sidecar.gemini.x")), "llm-sidecar.gemini.x");
    }
}
