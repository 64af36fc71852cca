//! Writes a whole answer to a client.

use serde::Serialize;
use serde_json::Value;

use super::part::WirePart;
use super::usage::WireUsage;
use super::{citation, finish, logprobs, signature};
use crate::base::id;
use crate::chat::{Choice, Part, PartKind, Response};
use crate::dialect::Reply;

/// An answer, or one frame of a stream.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<WireUsage>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    pub(super) content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'static str>,
    pub(super) index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) citation_metadata: Option<citation::Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs_result: Option<logprobs::Wire>,
}

#[derive(Serialize)]
pub(super) struct Content<'a> {
    pub(super) parts: Vec<WirePart<'a>>,
    role: &'static str,
}

impl Default for Content<'_> {
    fn default() -> Self {
        Self { parts: Vec::new(), role: "model" }
    }
}

impl<'a> Content<'a> {
    pub(super) fn of(parts: Vec<WirePart<'a>>) -> Self {
        Self { parts, ..Self::default() }
    }
}

/// The answer's JSON.
pub(super) fn write_response(response: &Response, reply: &Reply) -> Vec<u8> {
    let body = Body {
        candidates: response.choices.iter().map(candidate).collect(),
        usage_metadata: response.usage.as_ref().map(WireUsage::of),
        model_version: response.model.as_deref().unwrap_or(&reply.upstream_model),
        response_id: &response_id(response.id.clone()),
    };
    // Strings, numbers and raw values always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The vendor's id, or a new one.
pub(super) fn response_id(vendors: Option<String>) -> String {
    vendors.filter(|id| !id.is_empty()).unwrap_or_else(|| id::random("", 22))
}

fn candidate(choice: &Choice) -> Candidate<'_> {
    let text: String = choice.parts.iter().map(|part| if let PartKind::Text(text) = &part.kind { text.as_str() } else { "" }).collect();
    Candidate {
        content: Content::of(parts(&choice.parts)),
        finish_reason: Some(finish::write(choice.finish)),
        index: choice.index,
        citation_metadata: citation::Metadata::of(&choice.citations, &text),
        logprobs_result: choice.logprobs.as_ref().filter(|value| value.get("content").is_some_and(Value::is_array)).map(logprobs::Wire::of),
    }
}

fn parts(parts: &[Part]) -> Vec<WirePart<'_>> {
    let mut written = Vec::with_capacity(parts.len());
    // Gemini's own proof waits for the call that it belongs to.
    let mut own = None;
    for part in parts {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => written.push(WirePart::text(text.as_str())),
            PartKind::Thinking { text, signature: proof } => {
                let theirs = match proof.as_deref().map(|proof| (signature::own(proof), proof)) {
                    Some((Some(proof), _)) => {
                        own = Some(proof.into());
                        None
                    }
                    Some((None, proof)) => Some(signature::foreign(proof).into()),
                    None => None,
                };
                if theirs.is_some() || !text.is_empty() {
                    written.push(WirePart::thought(text.as_str(), theirs));
                }
            }
            PartKind::RedactedThinking { data } => written.push(WirePart::thought("", Some(signature::redacted(data).into()))),
            PartKind::ToolCall { id, name, arguments, .. } => {
                written.push(WirePart::call(Some(id.as_str().into()), name.as_str(), arguments, own.take()));
            }
            // An answer holds no other parts.
            PartKind::Image { .. }
            | PartKind::Audio { .. }
            | PartKind::Document { .. }
            | PartKind::ToolResult { .. }
            | PartKind::Native { .. } => {}
        }
    }
    if own.is_some() {
        written.push(WirePart::thought("", own));
    }
    written
}
