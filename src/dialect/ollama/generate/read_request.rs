//! Reads a client's request. What means something to a server of Ollama's only (a template of one's own, the tokens of an earlier
//! answer) would be lost in a chat, and is refused.

use serde_json::Value;

use super::view;
use crate::chat::{ApiError, DialectId, Message, Part, PartKind, Request, Role};
use crate::dialect::fields::{self, Fields};
use crate::dialect::ollama::{read_messages, read_request};

/// Reads a request.
pub(super) fn read_request(body: &[u8]) -> Result<Request, ApiError> {
    let view = view::view(body)?;
    let mut fields = Fields::of_body(body)?;
    let mut request = Request::new(DialectId::OllamaGenerate, view.model);
    request.stream = view.stream;
    request.include_usage = true;
    for (name, why) in [
        ("suffix", "the target chats: it cannot write a text that a `suffix` follows"),
        ("template", "the target chats: it has a `template` of its own"),
    ] {
        if fields.take::<String>(&[name])?.is_some_and(|text| !text.is_empty()) {
            return Err(unsupported(name, why));
        }
    }
    if fields.take::<bool>(&["raw"])?.unwrap_or(false) {
        return Err(unsupported("raw", "the target chats: it puts every prompt into a template of its own, `raw` or not"));
    }
    if fields.take::<Vec<Value>>(&["context"])?.is_some_and(|tokens| !tokens.is_empty()) {
        return Err(unsupported("context", "the tokens of `context` mean something only to the server that gave them"));
    }
    let mut say = |role, kinds: Vec<PartKind>| {
        if !kinds.is_empty() {
            request.messages.push(Message { role, name: None, parts: kinds.into_iter().map(Part::from).collect() });
        }
    };
    let text = |text: Option<String>| text.filter(|text| !text.is_empty()).map(PartKind::Text);
    say(Role::System, text(fields.take(&["system"])?).into_iter().collect());
    let mut asked: Vec<PartKind> = text(fields.take(&["prompt"])?).into_iter().collect();
    asked.extend(fields.take::<Vec<String>>(&["images"])?.unwrap_or_default().into_iter().map(read_messages::image));
    if asked.is_empty() {
        return Err(fields::missing("prompt"));
    }
    say(Role::User, asked);
    read_request::settings(&mut fields, &mut request)?;
    Ok(request)
}

fn unsupported(param: &'static str, message: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, message)
}
