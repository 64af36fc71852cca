//! Writes a request to a vendor that answers a prompt. A conversation cannot be said in that form; one turn of the user's can,
//! with instructions before it.

use super::super::write_request::{self, refuse_choices};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, DialectId, Dropped, Media, PartKind, Request, Role};
use crate::dialect::{To, Written};

/// Writes a request. What changes the answer's shape and cannot be said is refused; what only tunes it is dropped and named.
pub(super) fn write_request(request: &Request, to: &To<'_>) -> Result<Written, ApiError> {
    let mut dropped = Dropped::default();
    refuse_choices(request)?;
    if !request.tools.is_empty() {
        return Err(unsupported("tools", "this vendor answers a prompt: it calls no tools"));
    }
    let (instructions, turns): (Vec<_>, Vec<_>) =
        request.messages.iter().partition(|message| matches!(message.role, Role::System | Role::Developer));
    let [turn] = turns.as_slice() else { return Err(one_turn()) };
    if turn.role != Role::User {
        return Err(one_turn());
    }
    let (mut system, mut prompt, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for part in instructions.iter().flat_map(|message| &message.parts) {
        match &part.kind {
            PartKind::Text(text) => system.push(text.as_str()),
            _ => return Err(one_turn()),
        }
    }
    for part in &turn.parts {
        match &part.kind {
            PartKind::Text(text) => prompt.push(text.as_str()),
            PartKind::Image { source: Media::Base64 { data, .. }, .. } => images.push(data.as_str()),
            _ => return Err(one_turn()),
        }
    }
    // Without a prompt nothing is answered: the server only loads the model.
    if images.is_empty() && prompt.iter().all(|text| text.is_empty()) {
        return Err(one_turn());
    }
    let mut body = RawObject::default();
    body.set("model", to_raw(&to.model));
    body.set("prompt", to_raw(&prompt.join("\n")));
    if !system.is_empty() {
        body.set("system", to_raw(&system.join("\n\n")));
    }
    if !images.is_empty() {
        body.set("images", to_raw(&images));
    }
    write_request::settings(request, to, request.origin == DialectId::OllamaGenerate, &mut body, &mut dropped);
    Ok(Written { body: body.write().into(), dropped })
}

fn one_turn() -> ApiError {
    let message = "this vendor answers a prompt: the conversation has to be one message of the user's, of text and images as base64";
    unsupported("messages", message)
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}
