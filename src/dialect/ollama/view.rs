//! The outer shape of a request. Answers stream unless the client says otherwise.

use serde_json::value::RawValue;

use crate::chat::ApiError;
use crate::dialect::fields::{self, Fields};
use crate::dialect::{View, shape};

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let (view, mut fields) = common(body)?;
    let list = fields.raw(&["messages"]).ok_or_else(|| fields::missing("messages"))?;
    let messages: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|_| fields::wrong_type("messages"))?;
    match messages.iter().position(|message| !message.get().starts_with('{')) {
        Some(at) => Err(fields::wrong_type(&format!("messages[{at}]"))),
        None => Ok(view),
    }
}

/// The same for what all endpoints share, and the fields that are left.
pub(super) fn common(body: &[u8]) -> Result<(View, Fields<'_>), ApiError> {
    let text = shape::utf8(body)?;
    serde_json::from_str::<shape::Checked>(text).map_err(|error| shape::json_error(body, &error))?;
    if text.trim_start().as_bytes().first() != Some(&b'{') {
        return Err(ApiError::invalid("invalid_type", "", "the request body has to be a JSON object"));
    }
    let mut fields = Fields::of_body(body)?;
    let model = fields.model()?;
    let stream = fields.take::<bool>(&["stream"])?.unwrap_or(true);
    let max_tokens = match fields.raw(&["options"]) {
        None => None,
        Some(options) => Fields::of(&options, "options")?.take::<i64>(&["num_predict"])?.and_then(|limit| u64::try_from(limit).ok()),
    };
    Ok((View { model, stream, include_usage: true, max_tokens }, fields))
}
