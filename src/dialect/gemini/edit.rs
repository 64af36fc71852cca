//! The relay's edits of a request. Its path names the model, so a body stays as it is but for three things: where a request to
//! count tokens names the model again, thinking of other vendors, whose proofs Gemini would refuse, and ids of calls where the
//! vendor refuses those.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{call_ids, signature};

use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::{To, Written, fields, shape};

/// A request to generate.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Written {
    let own = memmem::find(body, signature::ANY_FOREIGN.as_bytes()).and_then(|_| without_foreign_thinking(body));
    let mut body = own.unwrap_or_else(|| Bytes::copy_from_slice(body));
    if to.quirks.request_for(to.model).any(|quirks| quirks.no_call_ids) {
        body = call_ids::without_ids(&body).map_or(body, Bytes::from);
    }
    Written { body, dropped: Dropped::default() }
}

/// The body without parts that bear another vendor's proof. `None` where it cannot be read.
fn without_foreign_thinking(body: &[u8]) -> Option<Bytes> {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default, rename = "thoughtSignature", alias = "thought_signature")]
        signature: Option<String>,
    }
    let is_foreign = |part: &&&RawValue| {
        let read = serde_json::from_str::<Part>(part.get());
        read.is_ok_and(|part| part.signature.is_some_and(|signature| signature.starts_with(signature::ANY_FOREIGN)))
    };
    let mut object = RawObject::parse(body).ok()?;
    let turns: Vec<&RawValue> = serde_json::from_str(object.get("contents")?.get()).ok()?;
    let mut kept = Vec::with_capacity(turns.len());
    for turn in turns {
        let mut fields = RawObject::parse(turn.get().as_bytes()).ok()?;
        let parts: Vec<&RawValue> = serde_json::from_str(fields.get("parts")?.get()).ok()?;
        let own: Vec<_> = parts.iter().filter(|part| !is_foreign(part)).collect();
        match own.len() {
            all if all == parts.len() => kept.push(turn.to_owned()),
            0 => {}
            _ => {
                let own = to_raw(&own);
                fields.set("parts", own);
                kept.push(RawValue::from_string(String::from_utf8(fields.write()).ok()?).ok()?);
            }
        }
    }
    let contents = to_raw(&kept);
    object.set("contents", contents);
    Some(Bytes::from(object.write()))
}

/// A request to count tokens, which may hold a whole request to generate.
pub(super) fn edit_count(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    for name in ["generateContentRequest", "generate_content_request"] {
        let Some(inner) = object.get(name) else { continue };
        let mut request = RawObject::parse(inner.get().as_bytes()).map_err(|_| fields::wrong_type(name))?;
        request.set("model", to_raw(&format!("models/{}", to.model)));
        let text = String::from_utf8(request.write()).unwrap_or_default();
        let inner = RawValue::from_string(text).map_err(|_| fields::wrong_type(name))?;
        object.set(name, inner);
        return Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() });
    }
    Ok(edit_request(body, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    #[test]
    fn thinking_of_other_vendors_is_taken_out() {
        let body =
            |parts: &str| format!(r#"{{"contents":[{{"role":"user","parts":[{{"text": "é"}}]}},{{"role":"model","parts":[{parts}]}}]}}"#);
        let foreign = format!(r#"{{"text":"hm","thought":true,"thoughtSignature":"{}"}}"#, signature::foreign("EqQB"));
        let redacted = format!(r#"{{"text":"","thought":true,"thoughtSignature":"{}"}}"#, signature::redacted("x"));
        let own = r#"{"functionCall":{"name":"f"}, "thoughtSignature":"c2ln"}"#;
        let to = To { model: "gemini-x", quirks: &Quirks::default(), want_usage: true };
        let edited = edit_request(body(&format!("{foreign},{redacted},{own}")).as_bytes(), &to);
        assert_eq!(edited.body, body(own));
        assert_eq!(edit_request(body(own).as_bytes(), &to).body, body(own));
        assert_eq!(edit_request(body(&foreign).as_bytes(), &to).body, r#"{"contents":[{"role":"user","parts":[{"text": "é"}]}]}"#);
    }

    #[test]
    fn only_a_model_named_again_changes() {
        let to = To { model: "gemini-x", quirks: &Quirks::default(), want_usage: true };
        let edited = |body: &str| String::from_utf8(edit_count(body.as_bytes(), &to).unwrap().body.to_vec()).unwrap();
        assert_eq!(edited(r#"{"contents": [ ]}"#), r#"{"contents": [ ]}"#);
        assert_eq!(
            edited(r#"{"generateContentRequest":{"model":"models/fast","contents":[{}]}}"#),
            r#"{"generateContentRequest":{"model":"models/gemini-x","contents":[{}]}}"#
        );
    }
}
