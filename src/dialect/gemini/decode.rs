//! Reads a vendor's stream. Its frames are answers that add up; there is no terminal marker, so the answer is whole if the body
//! ends after every candidate has finished. That they have is told only then.

use super::answer::{Answer, Candidate, Piece};
use super::finish;
use crate::chat::{ApiError, Event, FinishReason, Usage};
use crate::dialect::Decode;

/// The state of one stream.
#[derive(Default)]
pub(super) struct Decoder {
    started: bool,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct Choice {
    index: u32,
    /// What citations refer to.
    text: String,
    calls: u32,
    /// Something of the answer has come.
    said: bool,
    finish: Option<FinishReason>,
}

impl Decode for Decoder {
    fn frame(&mut self, _name: &[u8], data: &[u8], out: &mut Vec<Event>) -> Result<(), ApiError> {
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let answer = match Answer::read(data, invalid_event) {
            Ok(answer) => answer,
            Err(error) if error.code.as_deref() == Some("upstream_invalid_event") => return Err(error),
            Err(error) => {
                out.push(Event::Error(error));
                return Ok(());
            }
        };
        let blocked = answer.is_blocked();
        if let Some(usage) = &answer.usage_metadata {
            self.usage = Some(usage.to_hub());
        }
        if !std::mem::replace(&mut self.started, true) {
            out.push(Event::Start { id: answer.response_id, model: answer.model_version, created: None, usage: None });
        }
        if blocked {
            self.choice(0).finish = Some(FinishReason::ContentFilter);
        }
        for candidate in answer.candidates.unwrap_or_default() {
            self.candidate(candidate, out)?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), ApiError> {
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice.finish.is_none()) {
            return Err(truncated());
        }
        let finish = |choice: &Choice| Some(Event::Finish { choice: choice.index, reason: choice.finish?, stop_sequence: None });
        out.extend(self.choices.iter().filter_map(finish));
        out.extend(self.usage.map(Event::Usage));
        out.push(Event::Done);
        Ok(())
    }
}

impl Decoder {
    fn candidate(&mut self, mut candidate: Candidate<'_>, out: &mut Vec<Event>) -> Result<(), ApiError> {
        let at = candidate.index.unwrap_or(0);
        let choice = self.choice(at);
        let mut pieces = Vec::new();
        candidate.pieces(&mut pieces);
        for piece in pieces {
            choice.said = true;
            match piece {
                Piece::Text(text) => {
                    choice.text.push_str(&text);
                    out.push(Event::Text { choice: at, text });
                }
                Piece::Thinking(text) => out.push(Event::Thinking { choice: at, text }),
                Piece::Signature(signature) => out.push(Event::Signature { choice: at, signature }),
                Piece::RedactedThinking(data) => out.push(Event::RedactedThinking { choice: at, data }),
                Piece::Call { id, name, arguments } => {
                    let index = choice.calls;
                    choice.calls += 1;
                    out.push(Event::ToolStart { choice: at, index, id, name });
                    out.push(Event::ToolArguments { choice: at, index, fragment: arguments });
                }
            }
        }
        out.extend(candidate.citations(&choice.text).into_iter().map(|citation| Event::Citation { choice: at, citation }));
        out.extend(candidate.logprobs().map(|value| Event::Logprobs { choice: at, value }));
        if let Some(reason) = candidate.finish_reason {
            choice.finish = Some(finish::read(&reason, choice.calls > 0, !choice.said)?);
        }
        Ok(())
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let at = self.choices.iter().position(|choice| choice.index == index).unwrap_or_else(|| {
            self.choices.push(Choice { index, ..Choice::default() });
            self.choices.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "`at` was found or pushed just above")]
        &mut self.choices[at]
    }
}

pub(super) fn invalid_event() -> ApiError {
    ApiError::upstream("upstream_invalid_event", "the upstream's stream holds an event that is not one of Gemini's")
}

pub(super) fn truncated() -> ApiError {
    ApiError::upstream("upstream_stream_truncated", "the upstream's stream ended before it was complete")
}
