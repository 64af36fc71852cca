//! Why an answer ended, in both vocabularies.

use crate::chat::FinishReason;

/// The hub's word for a `stop_reason`. `called` says whether the answer holds a tool call.
pub(super) fn to_finish(stop_reason: Option<&str>, called: bool) -> FinishReason {
    match stop_reason {
        Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
        Some("refusal") => FinishReason::ContentFilter,
        // `end_turn`, `stop_sequence`, `tool_use`, `pause_turn` and words yet to come.
        _ if called => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// The `stop_reason` for the hub's word.
pub(super) fn from_finish(finish: FinishReason, stop_sequence: Option<&str>, called: bool) -> &'static str {
    match finish {
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "refusal",
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
    fn every_reason_maps_both_ways() {
        for (word, called, finish) in [
            ("end_turn", false, FinishReason::Stop),
            ("stop_sequence", false, FinishReason::Stop),
            ("pause_turn", false, FinishReason::Stop),
            ("max_tokens", true, FinishReason::Length),
            ("model_context_window_exceeded", false, FinishReason::Length),
            ("tool_use", true, FinishReason::ToolCalls),
            ("end_turn", true, FinishReason::ToolCalls),
            // The one tool called was the sidecar's own way to ask for structured output.
            ("tool_use", false, FinishReason::Stop),
            ("refusal", false, FinishReason::ContentFilter),
        ] {
            assert_eq!(to_finish(Some(word), called), finish, "{word}");
        }
        assert_eq!(from_finish(FinishReason::Stop, Some("END"), false), "stop_sequence");
        assert_eq!(from_finish(FinishReason::Stop, None, false), "end_turn");
        assert_eq!(from_finish(FinishReason::Stop, None, true), "tool_use");
        assert_eq!(from_finish(FinishReason::Length, None, false), "max_tokens");
    }
}
