//! An answer as it comes from a vendor. A stream's lines have the same form as a whole answer.

use serde::Deserialize;
use serde_json::{Value, json};

use super::read_messages::Call;
use crate::base::id;
use crate::chat::{ApiError, Choice, FinishReason, Part, PartKind, Response, Usage};
use crate::dialect::Dialect;

#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(borrow, default)]
    message: Option<Said<'a>>,
    /// What the generate endpoint has instead of a message.
    #[serde(default)]
    response: Option<String>,
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    pub(super) done: bool,
    #[serde(default)]
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    logprobs: Option<Vec<Value>>,
}

#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(default)]
    pub(super) content: Option<String>,
    #[serde(default)]
    pub(super) thinking: Option<String>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
}

impl<'a> Line<'a> {
    /// Reads a line, or the error that it tells. `invalid` is the error for what is neither.
    pub(super) fn read(data: &'a [u8], invalid: fn() -> ApiError) -> Result<Self, ApiError> {
        // A list would be taken for the fields in their order.
        let object = Some(data).filter(|data| data.trim_ascii_start().starts_with(b"{")).ok_or_else(invalid)?;
        let line: Self = serde_json::from_slice(object).map_err(|_| invalid())?;
        match &line.error {
            Some(told) => Err(super::Ollama.read_error(502, json!({ "error": told }).to_string().as_bytes())),
            None => Ok(line),
        }
    }

    /// What the model says in it.
    pub(super) fn said(&mut self) -> Option<Said<'a>> {
        let generated = |line: &mut Self| {
            let content = line.response.take()?;
            Some(Said { content: Some(content), thinking: line.thinking.take(), tool_calls: None })
        };
        self.message.take().or_else(|| generated(self))
    }

    /// Unix seconds.
    pub(super) fn created(&self) -> Option<u64> {
        let at: jiff::Timestamp = self.created_at.as_deref()?.parse().ok()?;
        u64::try_from(at.as_second()).ok()
    }

    pub(super) fn finish(&self, called: bool) -> FinishReason {
        match self.done_reason.as_deref() {
            Some("length") => FinishReason::Length,
            _ if called => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        }
    }

    /// The counts of the last line. A prompt that was cached whole is not counted.
    pub(super) fn usage(&self) -> Option<Usage> {
        (self.prompt_eval_count.is_some() || self.eval_count.is_some()).then(|| Usage {
            prompt: self.prompt_eval_count.unwrap_or(0),
            completion: self.eval_count.unwrap_or(0),
            ..Usage::default()
        })
    }

    /// OpenAI's `logprobs`.
    pub(super) fn logprobs(&mut self) -> Option<Value> {
        self.logprobs.take().filter(|tokens| !tokens.is_empty()).map(|tokens| json!({"content": tokens, "refusal": null}))
    }
}

/// A call's id; older servers give none.
pub(super) fn call_id(call: &Call<'_>) -> String {
    call.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| id::random("call_", 24))
}

/// Reads a whole answer; an error in a body with a success status is an error.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let mut line = Line::read(body, invalid)?;
    let said = line.said().filter(|_| line.done).ok_or_else(invalid)?;
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut kinds: Vec<PartKind> = text(said.thinking).map(|text| PartKind::Thinking { text, signature: None }).into_iter().collect();
    kinds.extend(text(said.content).map(PartKind::Text));
    let calls = said.tool_calls.unwrap_or_default();
    let finish = line.finish(!calls.is_empty());
    kinds.extend(calls.into_iter().map(|call| {
        let (id, arguments) = (call_id(&call), call.function.text());
        PartKind::ToolCall { id, name: call.function.name, arguments, custom: false }
    }));
    let parts = kinds.into_iter().map(Part::from).collect();
    let choice = Choice { parts, finish, logprobs: line.logprobs(), ..Choice::default() };
    let (created, usage) = (line.created(), line.usage());
    Ok(Response { id: None, model: line.model, created, choices: vec![choice], usage, service_tier: None })
}

/// The 502 for a body that is cut or not an answer of this dialect.
pub(super) fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole Ollama answer")
}
