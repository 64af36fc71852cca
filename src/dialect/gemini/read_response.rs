//! Reads a vendor's whole answer.

use super::answer::{Answer, Candidate, Piece};
use super::finish;
use crate::chat::{ApiError, Choice, FinishReason, Part, PartKind, Response};

/// Reads a whole answer; an error in a body with a success status is an error.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let answer = Answer::read(body, invalid)?;
    let blocked = answer.is_blocked();
    let usage = answer.usage_metadata.map(|usage| usage.to_hub());
    let mut choices = Vec::new();
    if blocked {
        choices.push(Choice { finish: FinishReason::ContentFilter, ..Choice::default() });
    }
    for candidate in answer.candidates.unwrap_or_default() {
        choices.push(choice(candidate)?);
    }
    if choices.is_empty() {
        return Err(invalid());
    }
    Ok(Response { id: answer.response_id, model: answer.model_version, created: None, choices, usage, service_tier: None })
}

fn choice(mut candidate: Candidate<'_>) -> Result<Choice, ApiError> {
    let mut pieces = Vec::new();
    candidate.pieces(&mut pieces);
    let (mut text, mut called) = (String::new(), false);
    let mut choice = Choice { index: candidate.index.unwrap_or(0), ..Choice::default() };
    for piece in pieces {
        let last = choice.parts.last_mut().map(|part| &mut part.kind);
        let kind = match (piece, last) {
            (Piece::Text(more), last) => {
                text.push_str(&more);
                match last {
                    Some(PartKind::Text(held)) => {
                        held.push_str(&more);
                        continue;
                    }
                    _ => PartKind::Text(more),
                }
            }
            (Piece::Thinking(more), Some(PartKind::Thinking { text, signature: None })) => {
                text.push_str(&more);
                continue;
            }
            (Piece::Thinking(text), _) => PartKind::Thinking { text, signature: None },
            (Piece::Signature(proof), Some(PartKind::Thinking { signature: signature @ None, .. })) => {
                *signature = Some(proof);
                continue;
            }
            (Piece::Signature(proof), _) => PartKind::Thinking { text: String::new(), signature: Some(proof) },
            (Piece::RedactedThinking(data), _) => PartKind::RedactedThinking { data },
            (Piece::Call { id, name, arguments }, _) => {
                called = true;
                PartKind::ToolCall { id, name, arguments, custom: false }
            }
        };
        choice.parts.push(Part::from(kind));
    }
    choice.citations = candidate.citations(&text);
    choice.logprobs = candidate.logprobs();
    choice.finish = finish::read(candidate.finish_reason.as_deref().unwrap_or("STOP"), called, choice.parts.is_empty())?;
    Ok(choice)
}

/// The 502 for a body that is cut or not an answer of this dialect.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole Gemini answer")
}
