//! The outer shape of a request. Answers stream unless the client says otherwise.

use crate::chat::ApiError;
use crate::dialect::View;
use crate::dialect::fields::Fields;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let (view, mut fields) = common(body)?;
    fields.check_objects("messages")?;
    Ok(view)
}

/// The same for what all endpoints share, and the fields that are left.
pub(super) fn common(body: &[u8]) -> Result<(View, Fields<'_>), ApiError> {
    let mut fields = Fields::of_checked_body(body)?;
    let model = fields.model()?;
    let stream = fields.take::<bool>(&["stream"])?.unwrap_or(true);
    let max_tokens = match fields.raw(&["options"]) {
        None => None,
        Some(options) => Fields::of(&options, "options")?.take::<i64>(&["num_predict"])?.and_then(|limit| u64::try_from(limit).ok()),
    };
    Ok((View { model, stream, include_usage: true, max_tokens, ..View::default() }, fields))
}
