//! The parts of an answer that whole answers and streams have in common, as they come from a vendor.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::signature;
use super::usage::WireUsage;
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Citation, Usage};

/// The tool through which structured output is asked of models that have no such feature: its arguments are the answer's text.
pub(super) const JSON_TOOL: &str = "json_tool_call";
/// A tool that the vendor itself runs.
const SERVER_TOOL: &str = "server_tool_use";

/// A content block of a whole answer. Blocks of other kinds have none of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireBlock<'a> {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) citations_content: Option<CitationsContent>,
    #[serde(borrow, default)]
    pub(super) tool_use: Option<ToolUse<'a>>,
    #[serde(default)]
    pub(super) reasoning_content: Option<Reasoning>,
}

/// Text and what it rests on.
#[derive(Deserialize)]
pub(super) struct CitationsContent {
    #[serde(default)]
    pub(super) content: Vec<CitedText>,
    #[serde(default)]
    pub(super) citations: Vec<Value>,
}

#[derive(Deserialize)]
pub(super) struct CitedText {
    #[serde(default)]
    pub(super) text: String,
}

/// A tool call, or the beginning of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    pub(super) tool_use_id: String,
    pub(super) name: String,
    #[serde(borrow, default)]
    pub(super) input: Option<&'a RawValue>,
    #[serde(default)]
    r#type: Option<String>,
}

impl ToolUse<'_> {
    pub(super) fn is_vendors(&self) -> bool {
        self.r#type.as_deref() == Some(SERVER_TOOL)
    }
}

/// Reasoning of a whole answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reasoning {
    #[serde(default)]
    pub(super) reasoning_text: Option<ReasoningText>,
    #[serde(default)]
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ReasoningText {
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) signature: Option<String>,
}

impl Reasoning {
    /// Closed reasoning in the hub's form.
    pub(super) fn redacted(&self) -> Option<String> {
        self.redacted_content.as_deref().map(signature::read_redacted)
    }
}

/// A whole answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) output: Output<'a>,
    pub(super) stop_reason: String,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(default)]
    pub(super) additional_model_response_fields: Option<Value>,
    #[serde(default)]
    pub(super) service_tier: Option<Tier>,
}

#[derive(Deserialize)]
pub(super) struct Output<'a> {
    #[serde(borrow)]
    pub(super) message: Message<'a>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) content: Vec<WireBlock<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Tier {
    pub(super) r#type: String,
}

/// The tokens, and what the answer was served as.
pub(super) fn counted(usage: Option<WireUsage>, tier: Option<&Tier>) -> Option<Usage> {
    usage.map(|usage| Usage { tier: tier.map_or_else(ServiceTier::default, |tier| ServiceTier::of(&tier.r#type)), ..usage.to_hub() })
}

/// The stop sequence that ended the answer, where the model tells it.
pub(super) fn stop_sequence(fields: Option<&Value>) -> Option<String> {
    fields?.get("stop_sequence")?.as_str().filter(|sequence| !sequence.is_empty()).map(str::to_owned)
}

/// A citation of the text between two offsets, counted in characters.
pub(super) fn citation(native: Value, start: u64, end: u64) -> Citation {
    let text = |pointer: &str| native.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let url = text("/location/web/url").or_else(|| text("/source"));
    Citation { url, title: text("/title"), start: Some(start), end: Some(end), native: Some(native) }
}

/// The 502 for a body that is cut or not an answer of this format.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole Converse answer")
}
