//! Reads a vendor's whole answer.

use serde::Deserialize;
use serde_json::Value;

use super::citation::Places;
use super::usage::WireUsage;
use super::{error, finish, logprobs};
use crate::base::id;
use crate::chat::{ApiError, Choice, FinishReason, Part, PartKind, Response};

/// A whole answer.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    id: Option<String>,
    finish_reason: String,
    message: Message,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(default)]
    logprobs: Option<Vec<logprobs::Item>>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Vec<Block>>,
    #[serde(default)]
    tool_plan: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    citations: Option<Vec<Value>>,
}

/// A block of content, or a piece of one.
#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) thinking: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Call {
    #[serde(default)]
    pub(super) id: Option<String>,
    pub(super) function: Function,
}

#[derive(Deserialize)]
pub(super) struct Function {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) arguments: Option<String>,
}

impl Answer {
    /// Reads an answer, or the error that is told instead of one.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        // A list would be taken for the fields in their order.
        let object = Some(body).filter(|body| body.trim_ascii_start().starts_with(b"{")).ok_or_else(invalid)?;
        serde_json::from_slice(object).map_err(|_| told(object).unwrap_or_else(invalid))
    }

    /// Why it ended, unless it did not.
    pub(super) fn finish(&self) -> Result<FinishReason, ApiError> {
        let called = self.message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
        finish::read(&self.finish_reason, called, None)
    }
}

/// The error of a body that tells one.
pub(super) fn told(body: &[u8]) -> Option<ApiError> {
    #[derive(Deserialize)]
    struct Told {
        message: String,
    }
    serde_json::from_slice::<Told>(body).ok().map(|told| error::in_band(&told.message))
}

/// Reads a whole answer.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let answer = Answer::read(body)?;
    let finish = answer.finish()?;
    let message = answer.message;
    let (mut kinds, mut places) = (Vec::new(), Places::default());
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    for (at, block) in message.content.unwrap_or_default().into_iter().enumerate() {
        kinds.extend(some(block.thinking).map(|text| PartKind::Thinking { text, signature: None }));
        if let Some(text) = some(block.text) {
            places.said(Some(at as u64), &text);
            kinds.push(PartKind::Text(text));
        }
    }
    if let Some(plan) = some(message.tool_plan) {
        places.said(None, &plan);
        kinds.push(PartKind::Text(plan));
    }
    kinds.extend(message.tool_calls.unwrap_or_default().into_iter().map(|call| PartKind::ToolCall {
        id: call_id(call.id),
        name: call.function.name.unwrap_or_default(),
        arguments: call.function.arguments.unwrap_or_default(),
        custom: false,
    }));
    let choice = Choice {
        parts: kinds.into_iter().map(Part::from).collect(),
        finish,
        logprobs: answer.logprobs.and_then(|items| logprobs::to_hub(&items)),
        citations: message.citations.unwrap_or_default().into_iter().map(|native| places.read(native)).collect(),
        ..Choice::default()
    };
    let usage = answer.usage.and_then(|usage| usage.to_hub());
    Ok(Response { id: answer.id, choices: vec![choice], usage, ..Response::default() })
}

/// A call's id, or a new one.
pub(super) fn call_id(told: Option<String>) -> String {
    told.filter(|id| !id.is_empty()).unwrap_or_else(|| id::random("call_", 24))
}

/// The 502 for a body that is cut or not an answer of this dialect.
fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole Cohere answer")
}
