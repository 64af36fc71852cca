//! An answer as it comes from a vendor. A stream's frames have the same form as a whole answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::usage::WireUsage;
use super::{citation, error, logprobs, signature};
use crate::base::id;
use crate::chat::{ApiError, Citation};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(default)]
    pub(super) prompt_feedback: Option<PromptFeedback>,
    #[serde(default)]
    pub(super) usage_metadata: Option<WireUsage>,
    #[serde(default)]
    pub(super) model_version: Option<String>,
    #[serde(default)]
    pub(super) response_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    #[serde(default)]
    pub(super) index: Option<u32>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
    #[serde(default)]
    grounding_metadata: Option<citation::Grounding>,
    #[serde(default)]
    citation_metadata: Option<citation::Metadata>,
    #[serde(default)]
    logprobs_result: Option<logprobs::Wire>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    thought: Option<bool>,
    #[serde(default)]
    thought_signature: Option<String>,
    #[serde(borrow, default)]
    function_call: Option<Call<'a>>,
    #[serde(default)]
    inline_data: Option<Blob>,
}

#[derive(Deserialize)]
struct Call<'a> {
    name: String,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    mime_type: String,
    data: String,
}

/// Why a prompt was not answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PromptFeedback {
    #[serde(default)]
    pub(super) block_reason: Option<String>,
}

/// A piece of an answer in the hub's terms.
pub(super) enum Piece {
    Text(String),
    Thinking(String),
    /// The proof of the thinking so far, for the call that follows if one does.
    Signature(String),
    RedactedThinking(String),
    Call {
        id: String,
        name: String,
        arguments: String,
    },
}

impl<'a> Answer<'a> {
    /// Reads a whole answer or one frame of a stream. `invalid` is the error for what is neither that nor an error.
    pub(super) fn read(body: &'a [u8], invalid: fn() -> ApiError) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Failed {
            #[serde(rename = "error")]
            _error: serde::de::IgnoredAny,
        }
        let is_list = body.trim_ascii_start().first() == Some(&b'[');
        if is_list || serde_json::from_slice::<Failed>(body).is_ok() {
            let value: Value = serde_json::from_slice(body).map_err(|_| invalid())?;
            let told = value.get(0).unwrap_or(&value);
            return Err(if told.get("error").is_some() { error::in_band(&value) } else { invalid() });
        }
        serde_json::from_slice(body).map_err(|_| invalid())
    }

    /// The prompt was refused, so that there is no candidate.
    pub(super) fn is_blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
            && self.candidates.as_ref().is_none_or(Vec::is_empty)
    }
}

impl Candidate<'_> {
    /// The candidate's pieces, in their order.
    pub(super) fn pieces(&mut self, out: &mut Vec<Piece>) {
        for part in self.content.take().and_then(|content| content.parts).unwrap_or_default() {
            part.pieces(out);
        }
    }

    /// The citations; `text` is all text of the candidate so far.
    pub(super) fn citations(&self, text: &str) -> Vec<Citation> {
        let mut citations = self.grounding_metadata.as_ref().map(|grounding| grounding.read(text)).unwrap_or_default();
        citations.extend(self.citation_metadata.iter().flat_map(|metadata| metadata.read(text)));
        citations
    }

    /// OpenAI's `logprobs`.
    pub(super) fn logprobs(&self) -> Option<Value> {
        self.logprobs_result.as_ref().map(logprobs::Wire::to_hub)
    }
}

impl Part<'_> {
    fn pieces(self, out: &mut Vec<Piece>) {
        let proof = self.thought_signature.as_deref().filter(|signature| !signature.is_empty()).map(signature::read);
        if let Some(call) = self.function_call {
            out.extend(proof.and_then(signature::Proof::piece));
            let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| id::random("call_", 24));
            let arguments = call.args.map_or("{}", RawValue::get).to_owned();
            out.push(Piece::Call { id, name: call.name, arguments });
        } else if self.thought == Some(true) {
            out.extend(self.text.filter(|text| !text.is_empty()).map(|text| Piece::Thinking(text.into_owned())));
            out.extend(proof.and_then(signature::Proof::piece));
        } else if let Some(text) = self.text {
            // The vendor does not ask for the proof of mere text again.
            if !text.is_empty() {
                out.push(Piece::Text(text.into_owned()));
            }
        } else if let Some(blob) = self.inline_data {
            let Blob { mime_type, data } = blob;
            out.push(Piece::Text(format!("![{}](data:{mime_type};base64,{data})", mime_type.split('/').next().unwrap_or_default())));
        }
    }
}
