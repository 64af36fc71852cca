//! The relay's edits of a request. Its path names the model, so a body stays as it is but for the one place where a request to
//! count tokens names the model again.

use bytes::Bytes;

use crate::base::raw::{RawObject, to_raw};
use crate::chat::{ApiError, Dropped};
use crate::dialect::{To, Written, fields, shape};

/// A request to generate, which holds nothing that must change.
pub(super) fn edit_request(body: &[u8]) -> Written {
    Written { body: Bytes::copy_from_slice(body), dropped: Dropped::default() }
}

/// A request to count tokens, which may hold a whole request to generate.
pub(super) fn edit_count(body: &[u8], to: &To<'_>) -> Result<Written, ApiError> {
    let mut object = RawObject::parse(body).map_err(|error| shape::json_error(body, &error))?;
    for name in ["generateContentRequest", "generate_content_request"] {
        let Some(inner) = object.get(name) else { continue };
        let mut request = RawObject::parse(inner.get().as_bytes()).map_err(|_| fields::wrong_type(name))?;
        request.set("model", to_raw(&format!("models/{}", to.model)));
        let text = String::from_utf8(request.write()).unwrap_or_default();
        let inner = serde_json::value::RawValue::from_string(text).map_err(|_| fields::wrong_type(name))?;
        object.set(name, inner);
        return Ok(Written { body: Bytes::from(object.write()), dropped: Dropped::default() });
    }
    Ok(edit_request(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Quirks;

    #[test]
    fn only_a_model_named_again_changes() {
        let to = To { model: "gemini-x", quirks: &Quirks::default(), want_usage: true };
        let edited = |body: &str| String::from_utf8(edit_count(body.as_bytes(), &to).unwrap().body.to_vec()).unwrap();
        assert_eq!(edited(r#"{"contents": [ ]}"#), r#"{"contents": [ ]}"#);
        assert_eq!(
            edited(r#"{"generateContentRequest":{"model":"models/fast","contents":[{}]}}"#),
            r#"{"generateContentRequest":{"model":"models/gemini-x","contents":[{}]}}"#
        );
    }
}
