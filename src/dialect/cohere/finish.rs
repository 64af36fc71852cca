//! Why an answer ended, in both directions.

use super::error;
use crate::chat::{ApiError, FinishReason};

/// Reads the reason. Some say that there is no answer.
pub(super) fn read(reason: &str, called: bool, told: Option<&str>) -> Result<FinishReason, ApiError> {
    Ok(match reason {
        "ERROR" | "USER_CANCEL" => return Err(error::in_band(told.unwrap_or("the upstream could not finish its answer"))),
        "TIMEOUT" => return Err(ApiError::timeout(told.unwrap_or("the upstream took too long for its answer"))),
        "MAX_TOKENS" | "ERROR_LIMIT" => FinishReason::Length,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        _ if called => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    })
}

/// Writes the reason.
pub(super) fn write(reason: FinishReason, by_stop_sequence: bool) -> &'static str {
    match reason {
        FinishReason::Stop if by_stop_sequence => "STOP_SEQUENCE",
        FinishReason::Stop => "COMPLETE",
        FinishReason::Length => "MAX_TOKENS",
        FinishReason::ToolCalls => "TOOL_CALL",
        FinishReason::ContentFilter => "ERROR_TOXIC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_back_as_they_were_written() {
        for reason in [FinishReason::Stop, FinishReason::Length, FinishReason::ToolCalls, FinishReason::ContentFilter] {
            assert_eq!(read(write(reason, false), reason == FinishReason::ToolCalls, None), Ok(reason));
        }
        assert_eq!(read(write(FinishReason::Stop, true), false, None), Ok(FinishReason::Stop));
        assert_eq!(read("COMPLETE", true, None), Ok(FinishReason::ToolCalls), "calls are there");
        assert_eq!(read("ERROR", false, Some("boom")).unwrap_err().message, "boom");
        assert_eq!(read("TIMEOUT", true, None).unwrap_err().status, 504);
    }
}
