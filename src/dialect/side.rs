//! Endpoints beside chat whose answers are whole: what is asked of a vendor, and how its answers become the client's.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::openai_chat::OpenAiChat;
use super::said::Said;
use super::{Dialect, View, shape};
use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped, Usage};

/// The longest model name, in bytes.
const MODEL_MAX: usize = 512;

/// Everything but these is escaped in a model's id at Bedrock.
const INVOKED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is to be asked of one vendor.
pub struct Asking {
    /// At least one. A vendor that takes fewer inputs at once than the client gave is asked several times.
    pub calls: Vec<Sent>,
    pub dropped: Dropped,
    /// Makes the client's answer of the vendor's, which are in the order of the calls.
    pub answer: Box<dyn FnOnce(Vec<Bytes>) -> Result<Answered, ApiError> + Send>,
}

/// One request to a vendor.
#[derive(Debug)]
pub struct Sent {
    /// Below the API's root.
    pub path: Cow<'static, str>,
    pub body: Bytes,
}

/// The client's answer.
#[derive(Debug)]
pub struct Answered {
    pub body: Bytes,
    pub usage: Option<Usage>,
    /// The vendor counted no tokens, but the client's format tells them.
    pub is_estimated: bool,
}

/// The path that has a model at Bedrock answer in its own format.
pub(super) fn invoke(model: &str) -> Cow<'static, str> {
    format!("/model/{}/invoke", utf8_percent_encode(model, INVOKED)).into()
}

/// The usage of an answer that only has a prompt.
pub(super) fn usage(tokens: Option<u64>) -> Option<Usage> {
    tokens.map(|prompt| Usage { prompt, ..Usage::default() })
}

/// Checks that a body is a JSON object, and finds its model.
pub fn view(body: &[u8]) -> Result<View, ApiError> {
    let mut fields = checked(body)?;
    let model: String = fields.take(&["model"])?.ok_or_else(|| fields::missing("model"))?;
    if model.is_empty() || model.len() > MODEL_MAX || model.chars().any(char::is_control) {
        return Err(ApiError::invalid("invalid_value", "model", "`model` is empty, too long or holds control characters"));
    }
    Ok(whole(model))
}

/// The same where the path names the model.
pub(super) fn view_without_model(body: &[u8]) -> Result<View, ApiError> {
    checked(body).map(|_| whole(String::new()))
}

fn whole(model: String) -> View {
    View { model, stream: false, include_usage: true, max_tokens: None, ..View::default() }
}

fn checked(body: &[u8]) -> Result<Fields<'_>, ApiError> {
    let text = shape::utf8(body)?;
    serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
    if !text.trim_start().starts_with('{') {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    }
    Fields::of_body(body)
}

/// The body with the model as the vendor calls it; untouched where it says so already.
pub(super) fn with_model(body: &Bytes, model: &str) -> Result<Bytes, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    let same = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).is_ok_and(|named| named == model);
    if object.get("model").is_some_and(same) {
        return Ok(body.clone());
    }
    object.set("model", to_raw(&model));
    Ok(object.write().into())
}

/// Why a body with a success status is no answer: the error that it holds, or that it is something else.
pub(super) fn no_answer(body: &[u8]) -> ApiError {
    let said = Said::read(body);
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    if !is_json || said.message.is_empty() {
        return malformed();
    }
    let status = said.status.or_else(|| said.status_by_words()).unwrap_or(502);
    OpenAiChat.read_error(status, body)
}

/// A count of tokens in an answer.
pub(super) fn count(body: &[u8], name: &str) -> Result<u64, ApiError> {
    let object = RawObject::parse(body).map_err(|_| no_answer(body))?;
    object.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).ok_or_else(|| no_answer(body))
}

pub(super) fn malformed() -> ApiError {
    ApiError::upstream("upstream_invalid_response", "the upstream's answer is not of its format")
}

/// The 400 for something the vendor has no word for and that cannot be left out.
pub(super) fn cannot(param: &str, what: &str, model: &str) -> ApiError {
    ApiError::invalid("unsupported_parameter", param, format!("`{model}` takes no {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_or_the_body_refused() {
        assert_eq!(view(br#"{"input":"x","model":"m"}"#).unwrap(), whole("m".into()));
        for (body, code) in [
            ("[]", "invalid_type"),
            ("{}", "missing_required_parameter"),
            (r#"{"model":7}"#, "invalid_type"),
            (r#"{"model":""}"#, "invalid_value"),
            (r#"{"model":"m","model":"n"}"#, "duplicate_field"),
            (r#"{"model":"m","input":1e999}"#, "invalid_json"),
        ] {
            assert_eq!(view(body.as_bytes()).unwrap_err().code.as_deref(), Some(code), "{body}");
        }
    }

    #[test]
    fn only_the_model_is_edited() {
        let body = Bytes::from_static(br#"{"input": [1, 2],"model":"a","x":1.50}"#);
        assert_eq!(with_model(&body, "a").unwrap(), body);
        assert_eq!(with_model(&body, "b").unwrap(), r#"{"input":[1, 2],"model":"b","x":1.50}"#);
    }

    #[test]
    fn an_error_inside_an_answer_is_told() {
        assert_eq!(no_answer(br#"{"error":{"code":429,"message":"slow down"}}"#).status, 429);
        assert_eq!(no_answer(br#"{"error":"boom"}"#).message, "boom");
        assert_eq!(no_answer(br#"{"data":7}"#).code.as_deref(), Some("upstream_invalid_response"));
        assert_eq!(no_answer(b"<html>").code.as_deref(), Some("upstream_invalid_response"));
    }
}
