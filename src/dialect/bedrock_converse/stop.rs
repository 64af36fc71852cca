//! Why an answer ended, in both vocabularies.

use crate::chat::{ApiError, FinishReason};

/// The hub's word for a `stopReason`. `called` says whether the answer holds a tool call, `empty` whether it holds nothing at
/// all: a failure of the model's that left nothing is an error.
pub(super) fn read(reason: &str, called: bool, empty: bool) -> Result<FinishReason, ApiError> {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Ok(FinishReason::Length),
        "guardrail_intervened" | "content_filtered" => Ok(FinishReason::ContentFilter),
        "malformed_model_output" | "malformed_tool_use" if empty => {
            Err(ApiError::upstream("upstream_error", format!("the model gave no usable answer ({reason})")))
        }
        // `end_turn`, `stop_sequence`, `tool_use` and words yet to come.
        _ if called => Ok(FinishReason::ToolCalls),
        _ => Ok(FinishReason::Stop),
    }
}

/// The `stopReason` for the hub's word.
pub(super) fn write(reason: FinishReason, stop_sequence: Option<&str>, called: bool) -> &'static str {
    match reason {
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "content_filtered",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Stop if called => "tool_use",
        FinishReason::Stop if stop_sequence.is_some() => "stop_sequence",
        FinishReason::Stop => "end_turn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_word() {
        for (word, called, empty, finish) in [
            ("end_turn", false, false, Some(FinishReason::Stop)),
            ("stop_sequence", false, false, Some(FinishReason::Stop)),
            ("tool_use", true, false, Some(FinishReason::ToolCalls)),
            // The one tool called was the sidecar's own way to ask for structured output.
            ("tool_use", false, false, Some(FinishReason::Stop)),
            ("max_tokens", true, false, Some(FinishReason::Length)),
            ("model_context_window_exceeded", false, false, Some(FinishReason::Length)),
            ("guardrail_intervened", false, false, Some(FinishReason::ContentFilter)),
            ("content_filtered", false, true, Some(FinishReason::ContentFilter)),
            ("malformed_model_output", false, true, None),
            ("malformed_tool_use", false, false, Some(FinishReason::Stop)),
            ("something_new", false, true, Some(FinishReason::Stop)),
        ] {
            assert_eq!(read(word, called, empty).ok(), finish, "{word}");
        }
        for finish in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
            assert_eq!(read(write(finish, None, false), false, false), Ok(finish));
        }
        assert_eq!(write(FinishReason::Stop, Some("END"), false), "stop_sequence");
        assert_eq!(write(FinishReason::Stop, None, true), "tool_use");
    }
}
