//! The relay, where both ends speak this dialect: a request changes in its model only, an answer not at all.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::decode::{invalid_event, truncated};
use super::error;
use super::read_response::{Body, invalid};
use super::usage::WireUsage;
use crate::base::raw::{RawObject, to_raw};
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Dropped, Usage};
use crate::codec::sse;
use crate::dialect::{Edited, Seen, Tap, To, Verdict, Written, proof, shape};

/// Names the vendor's model, and takes out reasoning of other vendors that came back from the client.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    object.set("model", to_raw(&to.model));
    if memchr::memmem::find(body, proof::prefix().as_bytes()).is_some()
        && let Some(input) = object.get("input").and_then(without_foreign_reasoning)
    {
        object.set("input", input);
    }
    Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() })
}

fn without_foreign_reasoning(input: &RawValue) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        encrypted_content: Option<String>,
    }
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).ok()?;
    let is_foreign = |item: &&&RawValue| {
        serde_json::from_str::<Item>(item.get()).is_ok_and(|item| item.encrypted_content.as_deref().is_some_and(proof::is_marked))
    };
    Some(to_raw(&items.iter().filter(|item| !is_foreign(item)).collect::<Vec<_>>()))
}

/// Passes a whole answer on after making sure that it is one. One that is still at work in the background is, too.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    #[derive(Deserialize)]
    struct Outline {
        #[serde(default)]
        object: Option<String>,
        #[serde(default)]
        error: Option<Value>,
        #[serde(default)]
        output: Option<Vec<serde::de::IgnoredAny>>,
        #[serde(default)]
        usage: Option<WireUsage>,
    }
    let outline: Outline = serde_json::from_slice(&body).map_err(|_| invalid())?;
    match (outline.output, outline.error) {
        (None, Some(told)) if !told.is_null() => Err(error::in_band(&told)),
        (None, _) if outline.object.as_deref() != Some("response") => Err(invalid()),
        _ => {
            let usage = outline.usage.map(|usage| Usage { tier: ServiceTier::in_json(&body), ..usage.to_hub() });
            Ok(Edited { usage, body })
        }
    }
}

/// Watches a stream.
#[derive(Default)]
pub(super) struct Watch;

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw).filter(|event| !event.data.trim_ascii().is_empty()) else { return Verdict::Pass };
        if seen.done {
            return Verdict::Drop;
        }
        match judge(&event, seen) {
            Ok(()) => Verdict::Pass,
            Err(error) => Verdict::Fail(error),
        }
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done { Ok(Vec::new()) } else { Err(truncated()) }
    }
}

fn judge(event: &sse::Event<'_>, seen: &mut Seen) -> Result<(), ApiError> {
    #[derive(Deserialize)]
    struct Frame<'a> {
        r#type: &'a str,
        #[serde(borrow, default)]
        response: Option<&'a RawValue>,
    }
    let frame: Frame<'_> = serde_json::from_slice(&event.data).map_err(|_| invalid_event())?;
    match frame.r#type {
        "response.created" | "response.in_progress" | "response.queued" | "keepalive" => {}
        "response.completed" | "response.incomplete" => {
            let body: Body = frame.response.and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or_else(invalid_event)?;
            seen.usage = body.usage.map(WireUsage::to_hub).or(seen.usage);
            (seen.content, seen.done) = (true, true);
        }
        "response.failed" => {
            let body: Body = frame.response.and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or_else(invalid_event)?;
            body.finish(false)?;
        }
        "error" => {
            let told: Value = serde_json::from_slice(&event.data).map_err(|_| invalid_event())?;
            return Err(error::in_band(told.get("error").filter(|error| error.is_object()).unwrap_or(&told)));
        }
        _ => seen.content = true,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    #[test]
    fn only_the_model_and_foreign_reasoning_change() {
        let to = To { model: "gpt-x", quirks: &Quirks::default(), want_usage: true };
        let edit = |body: &str| String::from_utf8(edit_request(body.as_bytes(), &to).unwrap().body.to_vec()).unwrap();
        let body = r#"{"model":"fast","input":[ {"role":"user","content":"é 1.0"} ],"previous_response_id":"resp_1"}"#;
        assert_eq!(edit(body), body.replace("fast", "gpt-x"));
        let own = r#"{"type":"reasoning","encrypted_content":"gAAA"}"#;
        let foreign = format!(r#"{{"type":"reasoning","encrypted_content":"{}"}}"#, proof::mark(crate::chat::DialectId::Gemini, "x"));
        let with = |items: &str| format!(r#"{{"model":"gpt-x","input":[{items}]}}"#);
        assert_eq!(edit(&with(&format!("{foreign},{own}"))), with(own));
    }

    fn watch(frames: &[&str]) -> (Vec<Verdict>, Seen, Result<Vec<u8>, ApiError>) {
        let (mut tap, mut seen) = (Watch, Seen::default());
        let verdicts = frames.iter().map(|frame| tap.event(format!("data: {frame}\n\n").as_bytes(), &mut seen)).collect();
        let end = tap.end(&mut seen);
        (verdicts, seen, end)
    }

    const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","output":[]}}"#;
    const TEXT: &str = r#"{"type":"response.output_text.delta","delta":"a"}"#;

    #[test]
    fn streams_are_whole_with_their_last_event_only() {
        let end =
            r#"{"type":"response.completed","response":{"status":"completed","output":[],"usage":{"input_tokens":2,"output_tokens":1}}}"#;
        let (verdicts, seen, ended) = watch(&[CREATED, TEXT, end, "[DONE]"]);
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Pass, Verdict::Pass, Verdict::Drop]);
        assert!(seen.content && seen.done && ended.is_ok());
        assert_eq!(seen.usage.map(|usage| usage.total()), Some(3));
        assert!(!watch(&[CREATED]).1.content);
        assert_eq!(watch(&[CREATED, TEXT]).2.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
    }

    #[test]
    fn failures_and_garbage_end_a_stream() {
        let failed = r#"{"type":"response.failed","response":{"status":"failed","output":[],"error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;
        let flat = r#"{"type":"error","code":"server_error","message":"boom","param":null}"#;
        for (frame, status, message) in [(failed, 429, "slow"), (flat, 502, "boom")] {
            let (verdicts, ..) = watch(&[frame]);
            assert!(matches!(&verdicts[0], Verdict::Fail(e) if e.status == status && e.message == message), "{verdicts:?}");
        }
        assert!(matches!(&watch(&["{\"type\":\"resp"]).0[0], Verdict::Fail(e) if e.code.as_deref() == Some("upstream_invalid_event")));
    }

    #[test]
    fn whole_answers_are_checked_and_counted() {
        let body =
            Bytes::from_static(br#"{"object":"response","status":"completed","output":[],"usage":{"input_tokens":2,"output_tokens":1}}"#);
        let edited = edit_response(body.clone()).unwrap();
        assert_eq!((edited.body.as_ptr(), edited.usage.map(|usage| usage.total())), (body.as_ptr(), Some(3)));
        for bad in ["{}", "{\"output\":[", "[]"] {
            assert_eq!(edit_response(Bytes::from(bad)).unwrap_err().code.as_deref(), Some("upstream_invalid_response"), "{bad}");
        }
    }
}
