//! The names of a request's fields that hold objects of their own.

pub(super) const INFERENCE: &str = "inferenceConfig";
pub(super) const MODEL: &str = "additionalModelRequestFields";
pub(super) const OUTPUT: &str = "outputConfig";
pub(super) const TOOLS: &str = "toolConfig";
/// Asks for the stop sequence that ended the answer.
pub(super) const STOP_SEQUENCE_PATH: &str = "/stop_sequence";
pub(super) const RESPONSE_PATHS: &str = "additionalModelResponseFieldPaths";
