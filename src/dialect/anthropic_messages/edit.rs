//! The relay's edits: a request and an answer whose both ends speak this dialect stay as they are, byte for byte, but for the
//! model's name and for what would make the vendor refuse them.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::read_response::{check_error, invalid};
use super::signature::UNSIGNED;
use super::usage::WireUsage;
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::{Edited, To, Written, proof, shape};

/// Names the vendor's model, and takes out thinking that another vendor did earlier in the conversation.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let in_path = to.quirks.request_for(to.model).any(|quirks| quirks.model_in_path);
    edit(body, to, in_path)
}

/// The same for a request to count tokens, whose path never names the model.
pub(super) fn edit_count(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    edit(body, to, false)
}

fn edit(body: &[u8], to: &To<'_>, model_in_path: bool) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    if model_in_path {
        object.remove("model");
    } else {
        object.set("model", to_raw(&to.model));
    }
    for (name, value) in to.quirks.request_for(to.model).flat_map(|quirks| &quirks.fields) {
        object.set(name, to_raw(value));
    }
    if (memmem::find(body, UNSIGNED.as_bytes()).is_some() || memmem::find(body, proof::prefix().as_bytes()).is_some())
        && let Some(messages) = object.get("messages").and_then(without_unsigned_thinking)
    {
        object.set("messages", messages);
    }
    Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() })
}

/// The messages without blocks signed by the sidecar, which Anthropic would refuse. `None` where they cannot be read.
fn without_unsigned_thinking(messages: &RawValue) -> Option<Box<RawValue>> {
    let turns: Vec<&RawValue> = serde_json::from_str(messages.get()).ok()?;
    let mut kept = Vec::with_capacity(turns.len());
    for turn in turns {
        let mut fields = RawObject::parse(turn.get().as_bytes()).ok()?;
        let blocks = fields.get("content").and_then(|c| serde_json::from_str::<Vec<&RawValue>>(c.get()).ok()).unwrap_or_default();
        let signed: Vec<_> = blocks.iter().filter(|block| !is_unsigned(block)).collect();
        match signed.len() {
            all if all == blocks.len() => kept.push(turn.to_owned()),
            // Turns of one role that now follow each other are joined by the vendor.
            0 => {}
            _ => {
                let content = to_raw(&signed);
                fields.set("content", content);
                kept.push(RawValue::from_string(String::from_utf8(fields.write()).ok()?).ok()?);
            }
        }
    }
    Some(to_raw(&kept))
}

fn is_unsigned(block: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Thinking {
        #[serde(default)]
        signature: Option<String>,
    }
    let foreign = |signature: String| signature == UNSIGNED || proof::is_marked(&signature);
    serde_json::from_str::<Thinking>(block.get()).is_ok_and(|t| t.signature.is_some_and(foreign))
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(rename = "content")]
        _content: Vec<IgnoredAny>,
        #[serde(default)]
        usage: Option<WireUsage>,
    }
    check_error(&body)?;
    let message: Message = serde_json::from_slice(&body).map_err(|_| invalid())?;
    Ok(Edited { usage: message.usage.map(WireUsage::to_hub), body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    fn edited(body: &str) -> Result<String, ApiError> {
        let to = To { model: "claude-x", quirks: &Quirks::default(), want_usage: true };
        edit_request(body.as_bytes(), &to).map(|w| String::from_utf8(w.body.to_vec()).unwrap())
    }

    #[test]
    fn only_the_model_changes() {
        let body = r#"{"max_tokens":5,"model":"fast","messages":[ {"role":"user" ,"content":"é 1.0"} ],"beta_field":{"a" : 1e2}}"#;
        assert_eq!(edited(body).unwrap(), body.replace("fast", "claude-x"));
    }

    #[test]
    fn where_the_path_names_the_model_the_body_does_not() {
        let quirks: Quirks = serde_json::from_value(serde_json::json!({"models": [
            {"names": ["claude-*"], "request": {"model_in_path": true, "fields": {"anthropic_version": "v1"}}}]}))
        .unwrap();
        let to = To { model: "claude-x", quirks: &quirks, want_usage: true };
        let text = |written: Result<Written, ApiError>| String::from_utf8(written.unwrap().body.to_vec()).unwrap();
        let body = br#"{"model":"fast","max_tokens":5,"messages":[]}"#;
        assert_eq!(text(edit_request(body, &to)), r#"{"max_tokens":5,"messages":[],"anthropic_version":"v1"}"#);
        assert_eq!(text(edit_count(body, &to)), r#"{"model":"claude-x","max_tokens":5,"messages":[],"anthropic_version":"v1"}"#);
    }

    #[test]
    fn thinking_of_other_vendors_is_taken_out() {
        let foreign = format!(r#"{{"type":"thinking","thinking":"hm","signature":"{UNSIGNED}"}}"#);
        let own = r#"{"type":"thinking","thinking":"ok","signature":"real"}"#;
        let body = |blocks: &str| {
            format!(r#"{{"model":"claude-x","messages":[{{"role":"user","content":"a"}},{{"role":"assistant","content":[{blocks}]}}]}}"#)
        };
        let text = r#"{"type":"text", "text":"b"}"#;
        assert_eq!(edited(&body(&format!("{foreign},{own},{text}"))).unwrap(), body(&format!("{own},{text}")));
        let gone = r#"{"model":"claude-x","messages":[{"role":"user","content":"a"}]}"#;
        assert_eq!(edited(&body(&foreign)).unwrap(), gone);
    }

    #[test]
    fn a_repeated_field_is_refused_by_name() {
        let error = edited(r#"{"model":"a","tools":[],"tools":[]}"#).unwrap_err();
        assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some("duplicate_field"), Some("tools")));
    }

    #[test]
    fn whole_answers_are_checked_and_counted() {
        let body = Bytes::from_static(
            br#"{"type":"message","content":[{"type":"text","text":"x"}],"usage":{"input_tokens":3,"output_tokens":2}}"#,
        );
        let edited = edit_response(body.clone()).unwrap();
        assert_eq!(edited.body.as_ptr(), body.as_ptr());
        assert_eq!(edited.usage.map(|u| u.total()), Some(5));
        let cut = body.slice(..40);
        assert_eq!(edit_response(cut).unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
        let error = Bytes::from_static(br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#);
        assert_eq!(edit_response(error).unwrap_err().status, 429);
    }
}
