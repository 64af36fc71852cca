//! A whole answer.

use serde_json::Value;

use super::{Citation, FinishReason, Part, Usage};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The vendor's id of the answer.
    pub id: Option<String>,
    /// The model that answered, in the vendor's words.
    pub model: Option<String>,
    /// Unix seconds.
    pub created: Option<u64>,
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
    pub service_tier: Option<String>,
}

/// One answer. Parts are text, thinking, redacted thinking, refusals and tool calls, in the order the model gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub index: u32,
    pub parts: Vec<Part>,
    pub finish: FinishReason,
    pub stop_sequence: Option<String>,
    /// OpenAI's `logprobs` object.
    pub logprobs: Option<Value>,
    pub citations: Vec<Citation>,
}

impl Default for Choice {
    fn default() -> Self {
        Self { index: 0, parts: Vec::new(), finish: FinishReason::Stop, stop_sequence: None, logprobs: None, citations: Vec::new() }
    }
}
