//! Watches a vendor's stream on its way to a client of this dialect: the bytes go on as they are, and what they say is noted.

use serde::Deserialize;
use serde_json::Value;

use super::decode::truncated;
use super::error;
use super::usage::WireUsage;
use super::vendor_event::{event_kind, parse};
use crate::chat::ApiError;
use crate::codec::sse;
use crate::dialect::{Seen, Tap, Verdict};

#[derive(Default)]
pub(super) struct Watch {
    usage: WireUsage,
    usage_seen: bool,
}

#[derive(Deserialize)]
struct Start {
    message: Usages,
}

#[derive(Deserialize)]
struct Usages {
    #[serde(default)]
    usage: Option<WireUsage>,
}

impl Tap for Watch {
    fn event(&mut self, raw: &[u8], seen: &mut Seen) -> Verdict {
        let Some(event) = sse::read(raw) else { return Verdict::Pass };
        if event.data.trim_ascii().is_empty() {
            return Verdict::Pass;
        }
        if seen.done {
            // Nothing belongs after the terminal marker; a client may have stopped reading.
            return Verdict::Drop;
        }
        match self.judge(event.name, &event.data, seen) {
            Ok(()) => Verdict::Pass,
            Err(error) => Verdict::Fail(error),
        }
    }

    fn end(&mut self, seen: &mut Seen) -> Result<Vec<u8>, ApiError> {
        if seen.done { Ok(Vec::new()) } else { Err(truncated()) }
    }
}

impl Watch {
    fn judge(&mut self, name: &[u8], data: &[u8], seen: &mut Seen) -> Result<(), ApiError> {
        match &*event_kind(name, data)? {
            b"content_block_start" | b"content_block_delta" => seen.content = true,
            b"message_start" => {
                let start: Start = parse(data)?;
                self.count(start.message, seen);
            }
            b"message_delta" => {
                let usages: Usages = parse(data)?;
                self.count(usages, seen);
                seen.content = true;
            }
            b"message_stop" => {
                seen.content = true;
                seen.done = true;
            }
            b"error" => {
                let value: Value = parse(data)?;
                return Err(error::read_value(200, &value));
            }
            _ => {}
        }
        Ok(())
    }

    fn count(&mut self, usages: Usages, seen: &mut Seen) {
        if let Some(usage) = usages.usage {
            self.usage.update(&usage);
            self.usage_seen = true;
        }
        if self.usage_seen {
            seen.usage = Some(self.usage.to_hub());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ErrorKind;

    fn watch(frames: &[&str]) -> (Vec<Verdict>, Seen, Result<Vec<u8>, ApiError>) {
        let (mut tap, mut seen) = (Watch::default(), Seen::default());
        let verdicts = frames.iter().map(|frame| tap.event(frame.as_bytes(), &mut seen)).collect();
        let end = tap.end(&mut seen);
        (verdicts, seen, end)
    }

    const START: &str =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}   \n\n";
    const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n";
    const DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n";
    const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    #[test]
    fn a_whole_stream_passes_and_is_counted() {
        let (verdicts, seen, end) = watch(&[START, "event: ping\ndata: {\"type\":\"ping\"}\n\n", ": x\n\n", TEXT, DELTA, STOP]);
        assert!(verdicts.iter().all(|v| *v == Verdict::Pass));
        assert!(seen.content && seen.done && end == Ok(Vec::new()));
        assert_eq!(seen.usage.map(|u| (u.prompt, u.completion)), Some((5, 9)));
    }

    #[test]
    fn preamble_is_no_content() {
        assert!(!watch(&[START, "event: ping\ndata: {\"type\":\"ping\"}\n\n"]).1.content);
        assert!(watch(&[START, TEXT]).1.content);
    }

    #[test]
    fn cut_broken_and_failed_streams_are_told_apart() {
        assert_eq!(watch(&[START, TEXT, DELTA]).2.unwrap_err().code.as_deref(), Some("upstream_stream_truncated"));
        let (verdicts, ..) = watch(&[START, "event: content_block_delta\ndata: {\"type\":\"content_blo\n\n"]);
        assert!(matches!(&verdicts[1], Verdict::Fail(e) if e.code.as_deref() == Some("upstream_invalid_event")));
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
        let (verdicts, ..) = watch(&[START, error]);
        assert!(matches!(&verdicts[1], Verdict::Fail(e) if e.kind == ErrorKind::Overloaded && e.status == 503));
    }
}
