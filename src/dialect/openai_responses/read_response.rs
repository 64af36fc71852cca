//! Reads a vendor's whole answer.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Content, Item};
use super::error;
use super::usage::WireUsage;
use crate::base::service_tier::ServiceTier;
use crate::chat::{ApiError, Choice, FinishReason, Part, PartKind, Response, Usage};

/// The response object.
#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created_at: Option<f64>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Value>,
    pub(super) output: Vec<Value>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(default)]
    pub(super) service_tier: Option<String>,
}

impl Body {
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|_| invalid())?;
        match value.get("error") {
            Some(told) if !told.is_null() && value.get("output").is_none() => Err(error::in_band(told)),
            _ => serde_json::from_value(value).map_err(|_| invalid()),
        }
    }

    /// Why the answer ended, or the error that it ended with.
    pub(super) fn finish(&self, called: bool) -> Result<FinishReason, ApiError> {
        let reason = self.incomplete_details.as_ref().and_then(|details| details.get("reason")).and_then(Value::as_str);
        match (self.status.as_deref(), reason) {
            (Some("incomplete"), Some("content_filter")) => Ok(FinishReason::ContentFilter),
            (Some("incomplete"), _) => Ok(FinishReason::Length),
            (Some("completed") | None, _) => Ok(if called { FinishReason::ToolCalls } else { FinishReason::Stop }),
            (Some("failed"), _) => Err(error::in_band(self.error.as_ref().unwrap_or(&json!({"message": "the upstream failed"})))),
            // Queued, cancelled or still at work.
            (Some(_), _) => Err(invalid()),
        }
    }
}

/// Reads a whole answer; an error in a body with a success status is an error.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let body = Body::read(body)?;
    let mut choice = Choice::default();
    let mut logprobs = Vec::new();
    for item in body.output.iter().filter_map(answer::read_item) {
        match item {
            Item::Thought(thought) => choice.parts.push(Part::from(thought)),
            Item::Call { id, name, arguments, custom } => choice.parts.push(PartKind::ToolCall { id, name, arguments, custom }.into()),
            Item::Message(content) => {
                for part in content {
                    choice.parts.push(Part::from(match part {
                        Content::Refusal(text) => PartKind::Refusal(text),
                        Content::Text { text, citations, logprobs: more } => {
                            choice.citations.extend(citations);
                            logprobs.extend(more);
                            PartKind::Text(text)
                        }
                    }));
                }
            }
        }
    }
    let called = choice.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall { .. }));
    choice.finish = body.finish(called)?;
    choice.logprobs = (!logprobs.is_empty()).then(|| json!({"content": logprobs, "refusal": null}));
    Ok(Response {
        id: body.id,
        model: body.model,
        created: body.created_at.map(|at| at as u64),
        choices: vec![choice],
        usage: body
            .usage
            .map(|usage| Usage { tier: body.service_tier.as_deref().map_or_else(Default::default, ServiceTier::of), ..usage.to_hub() }),
        service_tier: body.service_tier,
    })
}

/// The 502 for a body that is cut or not a response.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole response")
}
