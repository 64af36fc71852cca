//! Reasoning items. Their `encrypted_content` is the proof that only their vendor can read; where another vendor gave it, it
//! bears that one's mark, so that a client carries it back to whom it belongs.

use serde_json::{Value, json};

use crate::chat::{DialectId, PartKind};
use crate::dialect::proof;

/// Marks what is no proof of some text but the reasoning itself.
const REDACTED: &str = "redacted.";

/// The reasoning item of a thought, as a client gets it.
pub(super) fn to_client(id: &str, text: &str, proof: Option<&str>) -> Value {
    let summary: Vec<Value> = if text.is_empty() { Vec::new() } else { vec![summary_part(text)] };
    json!({"id": id, "type": "reasoning", "status": "completed", "summary": summary, "encrypted_content": proof})
}

pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// A proof as a client gets it. One without a mark is Anthropic's.
pub(super) fn proof_to_client(signature: &str) -> String {
    if proof::is_marked(signature) { signature.to_owned() } else { proof::mark(DialectId::AnthropicMessages, signature) }
}

/// Closed reasoning as a client gets it.
pub(super) fn redacted_to_client(data: &str) -> String {
    proof::mark(DialectId::AnthropicMessages, &format!("{REDACTED}{data}"))
}

/// A reasoning item, as a client sends it back or a vendor gives it. `None` where it says nothing.
pub(super) fn read(item: &Value) -> Option<PartKind> {
    let texts = |list: &str| item.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
    let parts = if texts("summary").is_empty() { texts("content") } else { texts("summary") };
    let text = parts.iter().filter_map(text).collect::<Vec<_>>().join("\n\n");
    let signature = match item.get("encrypted_content").and_then(Value::as_str).filter(|proof| !proof.is_empty()) {
        None => None,
        Some(wire) => match proof::of(DialectId::AnthropicMessages, wire) {
            Some(theirs) => match theirs.strip_prefix(REDACTED) {
                Some(data) => return Some(PartKind::RedactedThinking { data: data.to_owned() }),
                None => Some(theirs.to_owned()),
            },
            None if proof::is_marked(wire) => Some(wire.to_owned()),
            None => Some(own(item.get("id").and_then(Value::as_str).unwrap_or_default(), wire)),
        },
    };
    (signature.is_some() || !text.is_empty()).then_some(PartKind::Thinking { text, signature })
}

/// This API's own proof, which goes back together with its item's id.
fn own(id: &str, encrypted: &str) -> String {
    proof::mark(DialectId::OpenAiResponses, &format!("{id}.{encrypted}"))
}

/// The item that goes back to a vendor, if the thought is one of its own.
pub(super) fn to_vendor(text: &str, signature: &str) -> Option<Value> {
    let (id, encrypted) = proof::of(DialectId::OpenAiResponses, signature)?.split_once('.')?;
    let summary: Vec<Value> = if text.is_empty() { Vec::new() } else { vec![summary_part(text)] };
    let mut item = json!({"type": "reasoning", "summary": summary, "encrypted_content": encrypted});
    if let (Value::Object(fields), false) = (&mut item, id.is_empty()) {
        fields.insert("id".into(), id.into());
    }
    Some(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vendors_proof_comes_back_to_it() {
        let gemini = proof::mark(DialectId::Gemini, "c2ln");
        for signature in ["EqQB+/=", &gemini] {
            let item = to_client("rs_1", "hm", Some(&proof_to_client(signature)));
            assert_eq!(read(&item), Some(PartKind::Thinking { text: "hm".into(), signature: Some(signature.to_owned()) }));
            assert_eq!(to_vendor("hm", signature), None);
        }
        let redacted = to_client("rs_2", "", Some(&redacted_to_client("blob")));
        assert_eq!(read(&redacted), Some(PartKind::RedactedThinking { data: "blob".into() }));
        let own =
            json!({"id": "rs_3", "type": "reasoning", "summary": [summary_part("a"), summary_part("b")], "encrypted_content": "gAAA.x"});
        let Some(PartKind::Thinking { text, signature: Some(signature) }) = read(&own) else { panic!() };
        assert_eq!(text, "a\n\nb");
        let expected = json!({"id": "rs_3", "type": "reasoning", "summary": [summary_part("a")], "encrypted_content": "gAAA.x"});
        assert_eq!(to_vendor("a", &signature), Some(expected));
        assert_eq!(read(&json!({"type": "reasoning", "summary": []})), None);
    }
}
