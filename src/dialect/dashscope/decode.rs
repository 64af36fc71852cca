//! Reads a vendor's stream: each event becomes a chunk of OpenAI's, whose decoder knows how calls come in pieces.

use super::answer::Answer;
use crate::chat::{ApiError, Event, Usage};
use crate::dialect::openai_chat::OpenAiChat;
use crate::dialect::{Decode, Dialect};

/// The state of one stream.
pub(super) struct Decoder {
    inner: Box<dyn Decode>,
    /// Sources that were told; some models repeat them in every event.
    sources: Vec<Option<String>>,
    usage: Option<Usage>,
    failed: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { inner: OpenAiChat.decoder(), sources: Vec::new(), usage: None, failed: false }
    }
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.failed || data.trim_ascii().is_empty() {
            return Ok(());
        }
        let mut answer = match Answer::read(data, invalid_event) {
            Ok(answer) => answer,
            Err(error) if error.code.as_deref() == Some("upstream_invalid_event") => return Err(error),
            Err(error) => {
                self.failed = true;
                out.push(Event::Error(error));
                return Ok(());
            }
        };
        let usage = answer.usage();
        self.inner.frame(b"", answer.openai("delta").to_string().as_bytes(), out)?;
        for citation in answer.sources() {
            if !self.sources.contains(&citation.url) {
                self.sources.push(citation.url.clone());
                out.push(Event::Citation { choice: 0, citation });
            }
        }
        if usage.is_some() && usage != self.usage {
            self.usage = usage;
            out.extend(usage.map(Event::Usage));
        }
        Ok(())
    }

    /// Every choice has ended with a word of its own, or the stream was cut.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.failed { Ok(()) } else { self.inner.end(out) }
    }
}

pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is not one of DashScope's")
}

pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}
