//! The relay, where both ends speak this dialect: a request changes in its model only, an answer not at all.

use bytes::Bytes;

use super::encode::END;
use super::finish;
use super::read_response::Answer;
use super::vendor_event::{Said, truncated};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::codec::sse;
use crate::dialect::{Edited, Seen, Tap, To, Verdict, Written, shape};

/// Names the vendor's model.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    object.set("model", to_raw(&to.model));
    Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() })
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    let answer = Answer::read(&body)?;
    answer.finish()?;
    Ok(Edited { usage: answer.usage.and_then(|usage| usage.to_hub()), body })
}

/// Watches a stream.
pub(super) struct Watch;

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw) else { return Verdict::Pass };
        if seen.done {
            return Verdict::Drop;
        }
        match Said::read(&event.data) {
            Ok(Said::Nothing | Said::Start { .. }) => Verdict::Pass,
            Ok(Said::Error(error)) | Err(error) => Verdict::Fail(error),
            Ok(Said::End { finish_reason, usage, error }) => match finish::read(&finish_reason, false, error.as_deref()) {
                Ok(_) => {
                    (seen.content, seen.done) = (true, true);
                    seen.usage = usage.and_then(|usage| usage.to_hub());
                    // What the vendor sends after it is not waited for.
                    Verdict::Replace([raw, END].concat())
                }
                Err(error) => Verdict::Fail(error),
            },
            Ok(_) => {
                seen.content = true;
                Verdict::Pass
            }
        }
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done { Ok(Vec::new()) } else { Err(truncated()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    #[test]
    fn only_the_model_changes() {
        let to = To { model: "command-a-03-2025", quirks: &Quirks::default(), want_usage: true };
        let body = r#"{"model":"fast","messages":[ {"role":"user"} ],"documents":["a" ]}"#;
        assert_eq!(edit_request(body.as_bytes(), &to).unwrap().body, body.replace("fast", "command-a-03-2025"));
    }

    #[test]
    fn a_stream_is_whole_with_its_last_event_only() {
        let start = b"event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"a\",\"delta\":{\"message\":{\"content\":[]}}}\n\n";
        let text = b"event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"a\"}}}}\n\n";
        let last = "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":2.0,\"output_tokens\":1.0}}}}\n\n";
        let (mut tap, mut seen) = (Watch, Seen::default());
        assert_eq!((tap.event(start, &mut seen), seen.content), (Verdict::Pass, false));
        assert_eq!((tap.event(text, &mut seen), seen.content), (Verdict::Pass, true));
        assert_eq!(tap.end(&mut seen).unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
        assert_eq!(tap.event(last.as_bytes(), &mut seen), Verdict::Replace(format!("{last}data: [DONE]\n\n").into_bytes()));
        assert_eq!(tap.event(b"data: [DONE]\n\n", &mut seen), Verdict::Drop);
        assert_eq!((tap.end(&mut seen), seen.usage.map(|usage| usage.total())), (Ok(Vec::new()), Some(3)));
        let failed = Watch.event(last.replace("COMPLETE", "ERROR").as_bytes(), &mut Seen::default());
        assert!(matches!(failed, Verdict::Fail(error) if error.status == 502));
        let broken = Watch.event(b"data: {\"type\":\"content-delta\",\"index\n\n", &mut Seen::default());
        assert!(matches!(broken, Verdict::Fail(error) if error.code.as_deref() == Some("upstream_invalid_event")));
    }

    #[test]
    fn whole_answers_are_checked_and_counted() {
        let body = r#"{"id":"a","finish_reason":"COMPLETE","message":{"role":"assistant"},"usage":{"tokens":{"input_tokens":2.0}}}"#;
        let edited = edit_response(Bytes::from(body)).unwrap();
        assert_eq!((&edited.body[..], edited.usage.map(|usage| usage.prompt)), (body.as_bytes(), Some(2)));
        for (bad, code) in [(&body[..50], "upstream_invalid_response"), (&body.replace("COMPLETE", "ERROR"), "upstream_error")] {
            assert_eq!(edit_response(Bytes::copy_from_slice(bad.as_bytes())).unwrap_err().code.as_deref(), Some(code), "{bad}");
        }
    }
}
