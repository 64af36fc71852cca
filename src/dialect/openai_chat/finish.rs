//! Why a choice ended: OpenAI's words, the words of vendors that copy its format, and the hub's.

use crate::chat::{ApiError, ErrorKind, Fault, FinishReason};

/// What a vendor's finish word means.
#[derive(Debug, PartialEq)]
pub enum Word {
    /// One of OpenAI's own five.
    Standard,
    /// OpenAI's word for it.
    Means(&'static str),
    /// Not finished yet (some vendors send an empty word).
    NotYet,
    /// The vendor gave up: this is no answer.
    Failed,
}

/// Reads a finish word. A word nobody knows means that the model stopped by itself.
pub fn word(word: &str) -> Word {
    match word {
        "stop" | "length" | "tool_calls" | "content_filter" | "function_call" => Word::Standard,
        "" | "null" => Word::NotYet,
        "model_length" | "max_tokens" => Word::Means("length"),
        "tool_use" => Word::Means("tool_calls"),
        "sensitive" | "safety" | "refusal" => Word::Means("content_filter"),
        "error" | "network_error" | "insufficient_system_resource" => Word::Failed,
        // `eos`, `end_turn`, `stop_sequence`, `abort` and what is yet to come.
        _ => Word::Means("stop"),
    }
}

/// The error for a choice that ended with a word of failure.
pub fn failure(word: &str) -> ApiError {
    if word == "insufficient_system_resource" {
        return ApiError::new(503, ErrorKind::Overloaded, Fault::Upstream, "overloaded", "the upstream ran out of resources");
    }
    ApiError::upstream("upstream_error", format!("the upstream ended the answer with `{word}`"))
}

/// The hub's reason for one of OpenAI's words.
pub fn read(word: &str) -> FinishReason {
    match word {
        "length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

/// OpenAI's word for the hub's reason. A choice with tool calls cannot just have stopped.
pub fn write(reason: FinishReason, has_calls: bool) -> &'static str {
    match reason {
        FinishReason::Stop if has_calls => "tool_calls",
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openais_words_leave() {
        for (vendors, means) in [
            ("stop", Word::Standard),
            ("function_call", Word::Standard),
            ("eos", Word::Means("stop")),
            ("model_length", Word::Means("length")),
            ("tool_use", Word::Means("tool_calls")),
            ("sensitive", Word::Means("content_filter")),
            ("insufficient_system_resource", Word::Failed),
            ("error", Word::Failed),
            ("", Word::NotYet),
            ("something_new", Word::Means("stop")),
        ] {
            assert_eq!(word(vendors), means, "{vendors}");
        }
        for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ToolCalls, FinishReason::ContentFilter] {
            assert_eq!(read(write(reason, false)), reason);
        }
    }
}
