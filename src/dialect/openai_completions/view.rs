//! The outer shape of a request. Prompts are texts or tokens, one or many.

use serde_json::value::RawValue;

use crate::chat::ApiError;
use crate::dialect::openai_chat::view;
use crate::dialect::{View, fields};

/// What the API takes for `max_tokens` where the client says nothing.
pub(super) const DEFAULT_MAX_TOKENS: u64 = 16;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let (text, places) = view::read(body, 1)?;
    let fields = view::Fields::new(text, &places)?;
    let view = view::view(&fields)?;
    view::check_choices(&fields, "n")?;
    view::check_choices(&fields, "best_of")?;
    check_prompt(fields.get("prompt"))?;
    Ok(View { max_tokens: view.max_tokens.or(Some(DEFAULT_MAX_TOKENS)), ..view })
}

fn check_prompt(prompt: Option<&str>) -> Result<(), ApiError> {
    // Without a prompt the vendor begins a text of its own.
    let Some(prompt) = prompt else { return Ok(()) };
    match prompt.as_bytes().first() {
        Some(b'"' | b'n') => return Ok(()),
        Some(b'[') => {}
        _ => return Err(fields::wrong_type("prompt")),
    }
    let items: Vec<&RawValue> = serde_json::from_str(prompt).map_err(|_| fields::wrong_type("prompt"))?;
    let is_good = |item: &&RawValue| matches!(item.get().as_bytes().first(), Some(b'"' | b'[' | b'0'..=b'9'));
    match items.iter().position(|item| !is_good(item)) {
        Some(at) => Err(fields::wrong_type(&format!("prompt[{at}]"))),
        None => Ok(()),
    }
}
