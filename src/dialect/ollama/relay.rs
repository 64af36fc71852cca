//! The relay, where both ends speak this dialect: a request changes in its model only, an answer not at all.

use bytes::Bytes;

use super::answer::{Line, invalid};
use super::decode::{invalid_event, truncated};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::{Edited, Seen, Tap, To, Verdict, Written, shape};

/// Names the vendor's model.
pub(super) fn edit_request(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    object.set("model", to_raw(&to.model));
    Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() })
}

/// Passes a whole answer on after making sure that it is one.
pub(super) fn edit_response(body: Bytes) -> Result<Edited, ApiError> {
    let line = Line::read(&body, invalid)?;
    if !line.done {
        return Err(invalid());
    }
    Ok(Edited { usage: line.usage(), body })
}

/// Watches a stream.
pub(super) struct Watch;

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let data = raw.trim_ascii();
        if data.is_empty() {
            return Verdict::Pass;
        }
        if seen.done {
            return Verdict::Drop;
        }
        match Line::read(data, invalid_event) {
            Ok(line) => {
                seen.content = true;
                seen.done = line.done;
                seen.usage = line.usage().or(seen.usage);
                Verdict::Pass
            }
            Err(error) => Verdict::Fail(error),
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
        let to = To { model: "qwen3", quirks: &Quirks::default(), want_usage: true };
        let body = r#"{"model":"fast","messages":[ {"role":"user"} ],"options":{"num_ctx" : 8192}}"#;
        assert_eq!(edit_request(body.as_bytes(), &to).unwrap().body, body.replace("fast", "qwen3"));
    }

    #[test]
    fn a_stream_is_whole_with_its_last_line_only() {
        let text = br#"{"model":"m","message":{"role":"assistant","content":"a"},"done":false}"#;
        let last = br#"{"model":"m","message":{"content":""},"done":true,"prompt_eval_count":2,"eval_count":1}"#;
        let (mut tap, mut seen) = (Watch, Seen::default());
        assert_eq!(tap.event(text, &mut seen), Verdict::Pass);
        assert_eq!(tap.end(&mut seen).unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
        assert_eq!(tap.event(last, &mut seen), Verdict::Pass);
        assert_eq!((tap.end(&mut seen), seen.usage.map(|usage| usage.total())), (Ok(Vec::new()), Some(3)));
        assert!(matches!(Watch.event(b"{\"error\":\"boom\"}", &mut Seen::default()), Verdict::Fail(error) if error.message == "boom"));
        let broken = Watch.event(b"{\"model\":", &mut Seen::default());
        assert!(matches!(broken, Verdict::Fail(error) if error.code.as_deref() == Some("upstream_invalid_event")));
        assert!(edit_response(Bytes::from_static(last)).is_ok());
        assert_eq!(edit_response(Bytes::from_static(text)).unwrap_err().code.as_deref(), Some("upstream_invalid_response"));
    }
}
