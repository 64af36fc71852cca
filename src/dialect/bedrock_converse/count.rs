//! Counting tokens: a request to converse, inside of `input.converse`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::invalid;
use super::{read_request as converse, relay, write_request as writer};
use crate::base::raw::RawObject;
use crate::chat::{ApiError, Dropped, Request};
use crate::dialect::fields::{Fields, missing};
use crate::dialect::{To, Written};

/// What counts of a request to converse; the endpoint takes nothing else.
const COUNTED: [&str; 4] = ["messages", "system", "toolConfig", "additionalModelRequestFields"];

/// Reads a client's request. One in a model's own format says nothing to others.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let input = Fields::of_body(body)?.raw(&["input"]).ok_or_else(|| missing("input"))?;
    let inner = Fields::of(&input, "input")?.raw(&["converse"]).ok_or_else(|| missing("input.converse"))?;
    converse::read_request(inner.get().as_bytes())
}

/// Edits a client's request as its request to converse would be.
pub(super) fn edit(body: &[u8], to: &To<'_>) -> Written {
    let edited = edit_inner(body, to).unwrap_or_else(|| Bytes::copy_from_slice(body));
    Written { body: edited, dropped: Dropped::default() }
}

/// `None` where there is nothing to edit.
fn edit_inner(body: &[u8], to: &To<'_>) -> Option<Bytes> {
    let raw = |bytes: Vec<u8>| String::from_utf8(bytes).ok().and_then(|text| RawValue::from_string(text).ok());
    let mut object = RawObject::parse(body).ok()?;
    let mut input = RawObject::parse(object.get("input")?.get().as_bytes()).ok()?;
    let inner = input.get("converse")?.get().as_bytes();
    let edited = relay::edit_request(inner, to);
    if edited == inner {
        return None;
    }
    input.set("converse", raw(edited.to_vec())?);
    let input = raw(input.write())?;
    object.set("input", input);
    Some(Bytes::from(object.write()))
}

/// Writes a request to a vendor.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Bytes, ApiError> {
    let written = writer::write_request(request, to)?.body;
    let whole = RawObject::parse(&written).map_err(|_| ApiError::internal("the request could not be written"))?;
    let mut counted = RawObject::default();
    for (key, value) in COUNTED.into_iter().filter_map(|key| Some((key, whole.get(key)?))) {
        counted.set(key, value.to_owned());
    }
    Ok(Bytes::from([br#"{"input":{"converse":"#, &counted.write()[..], b"}}"].concat()))
}

/// Reads a vendor's count.
pub(super) fn read(body: &[u8]) -> Result<u64, ApiError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        input_tokens: u64,
    }
    serde_json::from_slice::<Count>(body).map(|count| count.input_tokens).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::DialectId;
    use crate::dialect::{Quirks, dialect};

    #[test]
    fn a_count_holds_what_counts_and_reads_back() {
        let quirks = Quirks::default();
        let to = To { model: "m", quirks: &quirks, want_usage: false };
        let chat = br#"{"model":"m","max_tokens":9,"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#;
        let request = dialect(DialectId::OpenAiChat).read_request(chat).unwrap();
        let written = write_request(&request, &to).unwrap();
        assert_eq!(written, r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hi"}]}],"system":[{"text":"s"}]}}}"#);
        assert_eq!(read_request(&written).unwrap().messages, request.messages);
        let missing = read_request(br#"{"input":{"invokeModel":{"body":"e30="}}}"#).unwrap_err();
        assert_eq!(missing.param.as_deref(), Some("input.converse"));
        assert_eq!(read(b"{\"inputTokens\":12}").unwrap(), 12);
        assert_eq!(read(b"{}").unwrap_err().status, 502);
    }

    #[test]
    fn reasoning_of_other_vendors_is_taken_out() {
        let quirks = Quirks::default();
        let to = To { model: "m", quirks: &quirks, want_usage: false };
        let body = |blocks: &str| format!(r#"{{"input":{{"converse":{{"messages":[{{"role":"assistant","content":[{blocks}]}}]}}}}}}"#);
        let foreign = r#"{"reasoningContent":{"reasoningText":{"text":"hm","signature":"llm-sidecar.gemini.x"}}}"#;
        let text = r#"{"text" : "b"}"#;
        assert_eq!(edit(body(&format!("{foreign},{text}")).as_bytes(), &to).body, body(text));
        assert_eq!(edit(body(text).as_bytes(), &to).body, body(text));
    }
}
