//! The outer shape of a request. A prompt need not be there: a server of Ollama's then only loads the model.

use crate::chat::ApiError;
use crate::dialect::View;
use crate::dialect::ollama::view;

/// Checks a request's outer shape and finds what routing needs.
pub(super) fn view(body: &[u8]) -> Result<View, ApiError> {
    let (view, mut fields) = view::common(body)?;
    for name in ["prompt", "system", "suffix", "template"] {
        fields.take::<String>(&[name])?;
    }
    fields.take::<bool>(&["raw"])?;
    Ok(view)
}
