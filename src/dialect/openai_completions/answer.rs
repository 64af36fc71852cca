//! An answer as it comes from a vendor. A stream's chunks have the same form as a whole answer.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::logprobs::Wire;
use crate::chat::{ApiError, Choice, FinishReason, Part, PartKind, Response, Usage};
use crate::dialect::openai_chat::{finish, normalize, usage};

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<u64>,
    #[serde(default)]
    pub(super) choices: Option<Vec<Said>>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) logprobs: Option<Wire>,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// What an answer says of itself.
pub(super) struct Head {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) created: Option<u64>,
}

impl Body {
    /// Reads an answer or a chunk, or the error that it tells. `invalid` is the error for what is neither.
    pub(super) fn read(data: &[u8], invalid: fn() -> ApiError) -> Result<Self, ApiError> {
        let object: Map<String, Value> = serde_json::from_slice(data).map_err(|_| invalid())?;
        normalize::report(&object)?;
        serde_json::from_value(Value::Object(object)).map_err(|_| invalid())
    }

    pub(super) fn head(&mut self) -> Head {
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        Head { id: text(self.id.take()), model: text(self.model.take()), created: self.created.filter(|at| *at > 0) }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().and_then(usage::read)
    }
}

impl Said {
    /// Why it ended, `None` if it has not.
    pub(super) fn finish(&self) -> Result<Option<FinishReason>, ApiError> {
        let Some(said) = self.finish_reason.as_deref() else { return Ok(None) };
        match finish::word(said) {
            finish::Word::Standard => Ok(Some(finish::read(said))),
            finish::Word::Means(word) => Ok(Some(finish::read(word))),
            finish::Word::NotYet => Ok(None),
            finish::Word::Failed => Err(finish::failure(said)),
        }
    }
}

/// Reads a whole answer; an error in a body with a success status is an error.
pub(super) fn read_response(body: &[u8]) -> Result<Response, ApiError> {
    let mut body = Body::read(body, invalid)?;
    let choice = |said: Said| {
        let finish = said.finish()?.unwrap_or(FinishReason::Stop);
        let logprobs = said.logprobs.as_ref().map(Wire::to_hub);
        let text = said.text.ok_or_else(invalid)?;
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::from(PartKind::Text(text))] };
        Ok(Choice { index: said.index, parts, finish, logprobs, ..Choice::default() })
    };
    let choices =
        body.choices.take().filter(|choices| !choices.is_empty()).ok_or_else(invalid)?.into_iter().map(choice).collect::<Result<_, _>>()?;
    let usage = body.usage();
    let Head { id, model, created } = body.head();
    Ok(Response { id, model, created, choices, usage, service_tier: None })
}

/// The 502 for a body that is cut or not an answer of this dialect.
fn invalid() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not a whole text completion")
}
