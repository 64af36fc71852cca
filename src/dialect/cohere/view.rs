//! The outer shape of a request.

use crate::chat::ApiError;
use crate::dialect::View;
use crate::dialect::fields::Fields;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let mut fields = Fields::of_checked_body(body)?;
    let model = fields.model()?;
    let stream = fields.take::<bool>(&["stream"])?.unwrap_or(false);
    fields.check_objects("messages")?;
    let max_tokens = fields.take(&["max_tokens"])?;
    Ok(View { model, stream, include_usage: true, max_tokens, ..View::default() })
}
