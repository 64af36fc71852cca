//! The relay: what both ends speak goes through as it is, and what it says is noted.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answer::PromptFeedback;
use super::decode::{invalid_event, truncated};
use super::error;
use super::read_response::invalid;
use super::usage::WireUsage;
use crate::chat::ApiError;
use crate::codec::sse;
use crate::dialect::{Edited, Seen, Tap, Verdict};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    candidates: Vec<Candidate>,
    #[serde(default)]
    prompt_feedback: Option<PromptFeedback>,
    #[serde(default)]
    usage_metadata: Option<WireUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

impl Outline {
    fn read(body: &[u8], invalid: fn() -> ApiError) -> Result<Self, ApiError> {
        // A list can only be an error; it would be taken for the fields in their order.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        match serde_json::from_slice::<Self>(body) {
            Ok(outline) if is_object && outline.error.is_none() => Ok(outline),
            _ => match serde_json::from_slice::<serde_json::Value>(body) {
                Ok(value) if value.get(0).unwrap_or(&value).get("error").is_some() => Err(error::in_band(&value)),
                _ => Err(invalid()),
            },
        }
    }

    fn is_blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
    }
}

/// Watches a stream.
#[derive(Default)]
pub(super) struct Watch {
    /// Candidates that were seen and those that finished, as bit masks.
    seen: u64,
    finished: u64,
}

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw).filter(|event| !event.data.trim_ascii().is_empty()) else { return Verdict::Pass };
        let outline = match Outline::read(&event.data, invalid_event) {
            Ok(outline) => outline,
            Err(error) => return Verdict::Fail(error),
        };
        if outline.is_blocked() && outline.candidates.is_empty() {
            (self.seen, self.finished) = (self.seen | 1, self.finished | 1);
            seen.content = true;
        }
        for candidate in &outline.candidates {
            let bit = 1_u64.checked_shl(candidate.index).unwrap_or(0);
            self.seen |= bit;
            if candidate.finish_reason.is_some() {
                self.finished |= bit;
            }
            seen.content = true;
        }
        seen.usage = outline.usage_metadata.map(|usage| usage.to_hub()).or(seen.usage);
        Verdict::Pass
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if self.seen == 0 || self.finished != self.seen {
            return Err(truncated());
        }
        seen.done = true;
        Ok(Vec::new())
    }
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    let outline = Outline::read(&body, invalid)?;
    if outline.candidates.is_empty() && !outline.is_blocked() {
        return Err(invalid());
    }
    Ok(Edited { usage: outline.usage_metadata.map(|usage| usage.to_hub()), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(frames: &[&str]) -> (Vec<Verdict>, Seen, Result<Vec<u8>, ApiError>) {
        let (mut tap, mut seen) = (Watch::default(), Seen::default());
        let verdicts = frames.iter().map(|frame| tap.event(frame.as_bytes(), &mut seen)).collect();
        let end = tap.end(&mut seen);
        (verdicts, seen, end)
    }

    const TEXT: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"index\":0}]}\r\n\r\n";
    const END: &str = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3}}\r\n\r\n";

    #[test]
    fn a_stream_is_whole_when_every_candidate_has_finished() {
        let (verdicts, seen, end) = watch(&[TEXT, "\r\n", END]);
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Pass));
        assert!(seen.content && seen.done && end == Ok(Vec::new()));
        assert_eq!(seen.usage.map(|usage| usage.prompt), Some(3));
        assert_eq!(watch(&[TEXT]).2.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
        assert_eq!(watch(&[]).2.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
        assert!(watch(&["data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n"]).2.is_ok());
    }

    #[test]
    fn errors_and_garbage_end_it() {
        let (verdicts, ..) = watch(&["data: [{\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}]\n\n"]);
        assert!(matches!(&verdicts[0], Verdict::Fail(error) if error.status == 503));
        let (verdicts, ..) = watch(&["data: {\"candidates\":[{\n\n"]);
        assert!(matches!(&verdicts[0], Verdict::Fail(error) if error.code.as_deref() == Some("upstream_invalid_event")));
    }

    #[test]
    fn whole_answers_are_checked_and_counted() {
        let body =
            Bytes::from_static(br#"{"candidates":[{"content":{}}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":1}}"#);
        let edited = edit_response(body.clone()).unwrap();
        assert_eq!((edited.body.as_ptr(), edited.usage.map(|usage| usage.total())), (body.as_ptr(), Some(3)));
        for bad in ["{}", "{\"candidates\":[", "[]"] {
            assert_eq!(edit_response(Bytes::from(bad)).unwrap_err().code.as_deref(), Some("upstream_invalid_response"), "{bad}");
        }
    }
}
