//! Thinking signatures. Anthropic's format demands one on every thinking block, other vendors give none: the sidecar then makes
//! one up that proves nothing, and takes it out again when the client sends it back.

/// The made-up signature: base64 of `llm-sidecar:unsigned`, as clients may expect base64.
pub(super) const UNSIGNED: &str = "bGxtLXNpZGVjYXI6dW5zaWduZWQ=";

/// A signature of the vendor's, or nothing for a made-up or an empty one.
pub(super) fn genuine(signature: Option<String>) -> Option<String> {
    signature.filter(|s| !s.is_empty() && s != UNSIGNED)
}
