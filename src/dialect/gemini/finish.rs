//! Why an answer ended, in both vocabularies.

use crate::chat::{ApiError, FinishReason};

/// The hub's word for a `finishReason`. `called` says whether the candidate holds a function call, `empty` whether it holds
/// nothing at all: a failure of the model's that left nothing is an error.
pub(super) fn read(reason: &str, called: bool, empty: bool) -> Result<FinishReason, ApiError> {
    match reason {
        "MAX_TOKENS" => Ok(FinishReason::Length),
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "LANGUAGE"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => Ok(FinishReason::ContentFilter),
        "MALFORMED_FUNCTION_CALL" | "UNEXPECTED_TOOL_CALL" | "TOO_MANY_TOOL_CALLS" | "MALFORMED_RESPONSE" | "MISSING_THOUGHT_SIGNATURE"
            if empty =>
        {
            Err(ApiError::upstream("upstream_error", format!("the model gave no usable answer ({reason})")))
        }
        // `STOP`, what is as good as it, and words yet to come.
        _ if called => Ok(FinishReason::ToolCalls),
        _ => Ok(FinishReason::Stop),
    }
}

/// The `finishReason` for the hub's word. A call of a function is no reason of its own.
pub(super) fn write(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::ToolCalls => "STOP",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ContentFilter => "SAFETY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_word() {
        for (word, called, empty, finish) in [
            ("STOP", false, false, Some(FinishReason::Stop)),
            ("STOP", true, false, Some(FinishReason::ToolCalls)),
            ("MAX_TOKENS", true, false, Some(FinishReason::Length)),
            ("RECITATION", false, true, Some(FinishReason::ContentFilter)),
            ("MALFORMED_FUNCTION_CALL", false, true, None),
            ("MALFORMED_FUNCTION_CALL", false, false, Some(FinishReason::Stop)),
            ("SOMETHING_NEW", false, true, Some(FinishReason::Stop)),
        ] {
            assert_eq!(read(word, called, empty).ok(), finish, "{word}");
        }
        for finish in [FinishReason::Stop, FinishReason::Length, FinishReason::ContentFilter] {
            assert_eq!(read(write(finish), false, false), Ok(finish));
        }
    }
}
